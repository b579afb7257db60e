import { z } from "zod";

export const Item = z.object({
  article: z.string().min(1).max(64),
  quantity: z.int().min(1).max(1000),
  cents: z.int().min(0).max(100_000_000),
});

export const NewOrder = z.object({
  customer: z.email(),
  items: z.array(Item).min(1).max(100),
});

export type Item = z.infer<typeof Item>;
export type NewOrder = z.infer<typeof NewOrder>;

export interface Order extends NewOrder {
  id: number;
  totalCents: number;
}

/** From 10 pieces of an article on, it costs 5 % less; halves of a cent go to the customer. */
export function totalCents(items: Item[]): number {
  return items.reduce((sum, { quantity, cents }) => {
    const full = quantity * cents;
    return sum + (quantity >= 10 ? full - Math.ceil(full * 0.05) : full);
  }, 0);
}
