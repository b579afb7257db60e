import type { Pool } from "pg";

import { type Item, type NewOrder, type Order, totalCents } from "./orders.js";

/** Orders in PostgreSQL; db/schema.sql makes the tables. */
export class Store {
  constructor(private readonly pool: Pool) {}

  /** Stores an order and its items in one transaction. */
  async add(order: NewOrder): Promise<Order> {
    const client = await this.pool.connect();
    try {
      await client.query("BEGIN");
      const total = totalCents(order.items);
      const { rows } = await client.query<{ id: number }>(
        "INSERT INTO orders (customer, total_cents) VALUES ($1, $2) RETURNING id",
        [order.customer, total],
      );
      const id = rows[0]!.id;
      for (const [position, item] of order.items.entries()) {
        await client.query(
          "INSERT INTO items (order_id, position, article, quantity, cents) VALUES ($1, $2, $3, $4, $5)",
          [id, position, item.article, item.quantity, item.cents],
        );
      }
      await client.query("COMMIT");
      return { id, ...order, totalCents: total };
    } catch (error) {
      await client.query("ROLLBACK");
      throw error;
    } finally {
      client.release();
    }
  }

  async get(id: number): Promise<Order | undefined> {
    const orders = await this.pool.query<{ customer: string; total_cents: number }>(
      "SELECT customer, total_cents FROM orders WHERE id = $1",
      [id],
    );
    const found = orders.rows[0];
    if (!found) return undefined;
    const items = await this.pool.query<Item>(
      "SELECT article, quantity, cents FROM items WHERE order_id = $1 ORDER BY position",
      [id],
    );
    return { id, customer: found.customer, items: items.rows, totalCents: found.total_cents };
  }

  async summary(): Promise<{ orders: number; totalCents: number }> {
    const { rows } = await this.pool.query<{ orders: number; totalCents: number }>(
      `SELECT count(*)::int AS orders, coalesce(sum(total_cents), 0)::int AS "totalCents" FROM orders`,
    );
    return rows[0]!;
  }
}
