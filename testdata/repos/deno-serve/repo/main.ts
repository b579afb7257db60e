import { Hono } from "hono";

const app = new Hono();
app.get("/health", (c) => c.text("ok"));
app.get("/", (c) => c.json({ hello: `Deno ${Deno.version.deno}` }));

Deno.serve({ port: Number(Deno.env.get("PORT") ?? "8000") }, app.fetch);
