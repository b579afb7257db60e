import request from "supertest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createApp } from "../../src/app.js";
import { Cache } from "../../src/cache.js";
import { Store } from "../../src/store.js";
import { servers } from "../servers.js";

let real: Awaited<ReturnType<typeof servers>>;
beforeAll(async () => {
  real = await servers();
});
afterAll(() => real.close());

const app = () => createApp(new Store(real.pool), new Cache(real.redis));
const order = { customer: "ada@example.com", items: [{ article: "tea", quantity: 3, cents: 350 }] };

describe("the API", () => {
  it("finds an order again, from the database and from the cache", async () => {
    const created = await request(app()).post("/orders").send(order).expect(201);
    await request(app()).get(created.headers.location!).expect(200, created.body);
    await real.pool.query("DELETE FROM orders WHERE id = $1", [created.body.id]);
    await request(app()).get(created.headers.location!).expect(200, created.body);
  });
  it("stores a repeated request once", async () => {
    const first = await request(app()).post("/orders").set("Idempotency-Key", "one").send(order).expect(201);
    await request(app()).post("/orders").set("Idempotency-Key", "one").send(order).expect(200, first.body);
    const { rows } = await real.pool.query("SELECT count(*)::int AS n FROM orders WHERE id >= $1", [first.body.id]);
    expect(rows[0].n).toBe(1);
  });
});
