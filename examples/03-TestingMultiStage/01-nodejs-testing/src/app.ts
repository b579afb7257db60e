import express, { type Express } from "express";
import helmet from "helmet";
import { z } from "zod";

import type { Cache } from "./cache.js";
import { NewOrder, type Order } from "./orders.js";
import type { Store } from "./store.js";

export function createApp(store: Pick<Store, "add" | "get" | "summary">, cache: Pick<Cache, "order" | "keep" | "repeated" | "remember">): Express {
  const app = express();
  app.use(helmet({ strictTransportSecurity: false, contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } }));
  app.use(express.json({ limit: "256kb" }));
  app.use(express.static("public"));

  async function find(id: number): Promise<Order | undefined> {
    const known = await cache.order(id);
    if (known) return known;
    const order = await store.get(id);
    if (order) await cache.keep(order);
    return order;
  }

  app.get("/health", (_request, response) => {
    response.json({ status: "ok" });
  });
  app.get("/summary", async (_request, response) => {
    response.json(await store.summary());
  });
  app.post("/orders", async (request, response) => {
    const order = NewOrder.safeParse(request.body);
    if (!order.success) {
      response.status(422).json({ errors: z.flattenError(order.error).fieldErrors });
      return;
    }
    const key = request.get("Idempotency-Key");
    const earlier = key ? await cache.repeated(key) : undefined;
    if (earlier !== undefined) {
      response.status(200).location(`/orders/${earlier}`).json(await find(earlier));
      return;
    }
    const stored = await store.add(order.data);
    if (key) await cache.remember(key, stored.id);
    response.status(201).location(`/orders/${stored.id}`).json(stored);
  });
  app.get("/orders/:id", async (request, response) => {
    const id = Number(request.params.id);
    const order = Number.isSafeInteger(id) && id > 0 && id < 2 ** 31 ? await find(id) : undefined;
    if (order) response.json(order);
    else response.status(404).json({ error: "there is no such order" });
  });
  return app;
}
