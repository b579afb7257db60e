require("node:http").createServer((_, r) => r.end("ok")).listen(3000);
