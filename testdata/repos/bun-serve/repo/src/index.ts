import { Hono } from "hono";
import { greeting } from "./greeting";

const app = new Hono();
app.get("/health", (c) => c.text("ok"));
app.get("/", (c) => c.json({ hello: greeting(Bun.version) }));

Bun.serve({ fetch: app.fetch });
