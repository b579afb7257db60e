import request from "supertest";
import { describe, expect, it } from "vitest";

import { createApp } from "../src/app.js";

const order = { customer: "ada@example.com", items: [{ article: "tea", quantity: 3, cents: 350 }] };

describe("the orders API", () => {
  it("is healthy", async () => {
    await request(createApp()).get("/health").expect(200, { status: "ok" });
  });

  it("computes the total of an order and finds it again", async () => {
    const app = createApp();
    const created = await request(app).post("/orders").send(order).expect(201);
    expect(created.body.totalCents).toBe(1050);
    await request(app).get(created.headers.location).expect(200, created.body);
    await request(app).get("/").expect(200, { service: "nodejs-optimized", orders: 1, totalCents: 1050 });
  });

  it("says what is wrong with an order", async () => {
    const refused = await request(createApp()).post("/orders").send({ ...order, items: [] }).expect(422);
    expect(Object.keys(refused.body.errors)).toEqual(["items"]);
  });

  it("does not know every order", async () => {
    await request(createApp()).get("/orders/7").expect(404);
  });
});
