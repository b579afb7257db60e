import 'bcrypt'; import http from 'node:http'; http.createServer((q, r) => r.end()).listen(3000);
