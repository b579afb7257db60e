import request from "supertest";
import { describe, expect, it } from "vitest";

import { createApp } from "../../src/app.js";
import type { NewOrder, Order } from "../../src/orders.js";

// The app alone; what stands behind it is tested with real servers in test/integration.
function app() {
  const orders = new Map<number, Order>();
  const keys = new Map<string, number>();
  const store = {
    add: async (order: NewOrder) => {
      const stored = { id: orders.size + 1, ...order, totalCents: 0 };
      orders.set(stored.id, stored);
      return stored;
    },
    get: async (id: number) => orders.get(id),
    summary: async () => ({ orders: orders.size, totalCents: 0 }),
  };
  const cache = {
    order: async () => undefined,
    keep: async () => undefined,
    repeated: async (key: string) => keys.get(key),
    remember: async (key: string, id: number) => void keys.set(key, id),
  };
  return createApp(store, cache);
}

const order = { customer: "ada@example.com", items: [{ article: "tea", quantity: 3, cents: 350 }] };

describe("the app", () => {
  it("is healthy", async () => {
    await request(app()).get("/health").expect(200, { status: "ok" });
  });
  it("says what is wrong with an order", async () => {
    const refused = await request(app()).post("/orders").send({ ...order, items: [] }).expect(422);
    expect(Object.keys(refused.body.errors)).toEqual(["items"]);
  });
  it("answers a repeated request with the first order", async () => {
    const shop = app();
    const first = await request(shop).post("/orders").set("Idempotency-Key", "k").send(order).expect(201);
    await request(shop).post("/orders").set("Idempotency-Key", "k").send(order).expect(200, first.body);
    await request(shop).get("/summary").expect(200, { orders: 1, totalCents: 0 });
  });
  it.each(["7", "0", "-1", "1.5", "tea", "99999999999"])("does not know order %s", async (id) => {
    await request(app()).get(`/orders/${id}`).expect(404);
  });
});
