import { Pool } from "pg";

import { connect } from "../src/cache.js";

/** The servers that DATABASE_URL and REDIS_URL name, emptied. */
export async function servers() {
  const pool = new Pool({ connectionString: process.env.DATABASE_URL });
  await pool.query("TRUNCATE orders, items RESTART IDENTITY");
  const redis = await connect();
  await redis.flushDb();
  return {
    pool,
    redis,
    close: async () => {
      await pool.end();
      await redis.close();
    },
  };
}
