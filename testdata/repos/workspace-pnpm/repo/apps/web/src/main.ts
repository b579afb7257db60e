import Fastify from "fastify";
import { page } from "@mono/ui";

const app = Fastify();
app.get("/healthz", async () => "ok");
app.get("/", async (_req, reply) => reply.type("text/html").send(page("pnpm")));
await app.listen({ port: 3600, host: "0.0.0.0" });
