import assert from "node:assert";
import { test } from "node:test";
import { total } from "../src/total.js";

test("an empty order costs nothing", () => {
  assert.equal(total([]), 0);
});

test("lines are added", () => {
  assert.equal(
    total([
      { price: 2, count: 3 },
      { price: 1, count: 1 },
    ]),
    7,
  );
});
