import express from "express";

const app = express();
app.get("/health", (_req, res) => { res.send("ok"); });
app.get("/", (_req, res) => { res.json({ hello: "pnpm" }); });
app.listen(Number(process.env.PORT ?? 3100));
