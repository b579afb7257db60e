import { createServer } from "node:http";
import { format } from "@acme/money";

const server = createServer((req, res) => res.end(req.url === "/healthz" ? "ok" : format(1999)));
server.listen(Number(process.env.PORT ?? 3350));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
