import assert from "node:assert/strict";
import { test } from "node:test";

import { months, wettest } from "../src/rain.ts"; // Node.js 22.18 and later read types away

test("there are twelve months", () => {
  assert.equal(months.length, 12);
  assert.equal(months[0].name, "Jan");
});

test("the wettest month", () => {
  assert.equal(wettest(months)?.name, "Aug");
  assert.equal(wettest([]), undefined);
});
