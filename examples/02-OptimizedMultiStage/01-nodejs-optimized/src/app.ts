import express, { type Express } from "express";
import helmet from "helmet";
import { z } from "zod";

import { NewOrder, Orders } from "./orders.js";

export function createApp(orders = new Orders()): Express {
  const app = express();
  app.use(helmet());
  app.use(express.json({ limit: "256kb" }));

  app.get("/health", (_request, response) => {
    response.json({ status: "ok" });
  });
  app.get("/", (_request, response) => {
    response.json({ service: "nodejs-optimized", ...orders.summary() });
  });
  app.post("/orders", (request, response) => {
    const order = NewOrder.safeParse(request.body);
    if (!order.success) {
      response.status(422).json({ errors: z.flattenError(order.error).fieldErrors });
      return;
    }
    const stored = orders.add(order.data);
    response.status(201).location(`/orders/${stored.id}`).json(stored);
  });
  app.get("/orders/:id", (request, response) => {
    const order = orders.get(Number(request.params.id));
    if (order) response.json(order);
    else response.status(404).json({ error: "there is no such order" });
  });
  return app;
}
