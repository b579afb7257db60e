require('http').createServer((q, r) => r.end('<h1>hi</h1>')).listen(3004);
