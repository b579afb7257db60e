import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { Cache } from "../../src/cache.js";
import { Store } from "../../src/store.js";
import { servers } from "../servers.js";

let real: Awaited<ReturnType<typeof servers>>;
beforeAll(async () => {
  real = await servers();
});
afterAll(() => real.close());

const order = {
  customer: "ada@example.com",
  items: [
    { article: "tea", quantity: 3, cents: 350 },
    { article: "cup", quantity: 10, cents: 100 },
  ],
};

describe("the store", () => {
  it("finds an order with its items in their order", async () => {
    const store = new Store(real.pool);
    const stored = await store.add(order);
    expect(stored.totalCents).toBe(2000);
    expect(await store.get(stored.id)).toEqual(stored);
  });
  it("keeps nothing of an order that fails", async () => {
    const store = new Store(real.pool);
    const before = await store.summary();
    await expect(store.add({ ...order, items: [...order.items, { article: "tea", quantity: 0, cents: 1 }] })).rejects.toThrow("quantity");
    expect(await store.summary()).toEqual(before);
  });
});

describe("the cache", () => {
  it("forgets what it keeps after a day", async () => {
    const cache = new Cache(real.redis);
    await cache.keep({ id: 7, ...order, totalCents: 2000 });
    expect(await cache.order(7)).toEqual({ id: 7, ...order, totalCents: 2000 });
    expect(await real.redis.ttl("order:7")).toBeGreaterThan(86_000);
    expect(await cache.order(8)).toBeUndefined();
  });
});
