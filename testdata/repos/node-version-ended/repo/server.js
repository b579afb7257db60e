const http = require("node:http");

http
  .createServer((request, response) => response.end(`Node.js ${process.version}\n`))
  .listen(process.env.PORT || 3000);
