import { z } from "zod";

export const Item = z.object({
  article: z.string().min(1).max(64),
  quantity: z.int().min(1).max(1000),
  cents: z.int().min(0),
});

export const NewOrder = z.object({
  customer: z.email(),
  items: z.array(Item).min(1).max(100),
});

export type NewOrder = z.infer<typeof NewOrder>;

export interface Order extends NewOrder {
  id: number;
  totalCents: number;
}

/** Orders in memory; a database would be behind the same three methods. */
export class Orders {
  readonly #orders = new Map<number, Order>();

  add(order: NewOrder): Order {
    const totalCents = order.items.reduce((sum, item) => sum + item.quantity * item.cents, 0);
    const stored = { ...order, id: this.#orders.size + 1, totalCents };
    this.#orders.set(stored.id, stored);
    return stored;
  }

  get(id: number): Order | undefined {
    return this.#orders.get(id);
  }

  summary(): { orders: number; totalCents: number } {
    let totalCents = 0;
    for (const order of this.#orders.values()) totalCents += order.totalCents;
    return { orders: this.#orders.size, totalCents };
  }
}
