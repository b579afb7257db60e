const { createServer } = require("node:http");

const server = createServer((req, res) => res.end("parcels\n"));
server.listen(process.env.PORT);
process.on("SIGTERM", () => server.close(() => process.exit(0)));
