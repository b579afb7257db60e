import { describe, expect, it } from "vitest";

import { NewOrder, totalCents } from "../../src/orders.js";

describe("the total of an order", () => {
  it.each([
    { name: "one article", items: [{ article: "tea", quantity: 3, cents: 350 }], total: 1050 },
    { name: "nine pieces cost what they cost", items: [{ article: "tea", quantity: 9, cents: 100 }], total: 900 },
    { name: "ten pieces cost 5 % less", items: [{ article: "tea", quantity: 10, cents: 100 }], total: 950 },
    { name: "half a cent goes to the customer", items: [{ article: "tea", quantity: 10, cents: 1 }], total: 9 },
    { name: "each article counts by itself", items: [{ article: "tea", quantity: 10, cents: 100 }, { article: "cup", quantity: 1, cents: 100 }], total: 1050 },
  ])("$name", ({ items, total }) => {
    expect(totalCents(items)).toBe(total);
  });
});

describe("a new order", () => {
  const good = { customer: "ada@example.com", items: [{ article: "tea", quantity: 3, cents: 350 }] };

  it("is taken", () => {
    expect(NewOrder.parse(good)).toEqual(good);
  });
  it.each([
    ["without an address", { ...good, customer: "ada" }],
    ["without items", { ...good, items: [] }],
    ["of half a piece", { ...good, items: [{ article: "tea", quantity: 0.5, cents: 350 }] }],
    ["for less than nothing", { ...good, items: [{ article: "tea", quantity: 1, cents: -1 }] }],
  ])("%s is refused", (_name, order) => {
    expect(NewOrder.safeParse(order).success).toBe(false);
  });
});
