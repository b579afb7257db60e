import { createClient } from "redis";

import type { Order } from "./orders.js";

export const connect = (url = process.env.REDIS_URL) => createClient({ url }).on("error", console.error).connect();

type Redis = Awaited<ReturnType<typeof connect>>;

const keepSeconds = 24 * 60 * 60;

/** What clients may ask or send twice, in Redis. */
export class Cache {
  constructor(private readonly redis: Redis) {}

  async order(id: number): Promise<Order | undefined> {
    const text = await this.redis.get(`order:${id}`);
    return text ? (JSON.parse(text) as Order) : undefined;
  }

  async keep(order: Order): Promise<void> {
    await this.redis.set(`order:${order.id}`, JSON.stringify(order), { EX: keepSeconds });
  }

  /** The order that was made of an earlier request with this key. */
  async repeated(key: string): Promise<number | undefined> {
    const id = await this.redis.get(`request:${key}`);
    return id ? Number(id) : undefined;
  }

  async remember(key: string, id: number): Promise<void> {
    await this.redis.set(`request:${key}`, String(id), { EX: keepSeconds });
  }
}
