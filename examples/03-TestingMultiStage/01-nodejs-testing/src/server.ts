import { Pool } from "pg";
import { pino } from "pino";

import { createApp } from "./app.js";
import { Cache, connect } from "./cache.js";
import { Store } from "./store.js";

const log = pino({ base: undefined });
const pool = new Pool({ connectionString: process.env.DATABASE_URL });
pool.on("error", (error) => log.error({ error }, "postgres"));
const redis = await connect();

const port = Number(process.env.PORT ?? 3000);
const server = createApp(new Store(pool), new Cache(redis)).listen(port, () => log.info({ port }, "listening"));

process.on("SIGTERM", () => {
  log.info("stopping");
  server.close(async () => {
    await Promise.all([pool.end(), redis.close()]);
    process.exit(0);
  });
});
