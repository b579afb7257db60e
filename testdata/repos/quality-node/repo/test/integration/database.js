import assert from "node:assert";
import { test } from "node:test";

test("the database has an address", () => {
  assert.match(process.env.DATABASE_URL ?? "", /^postgres/);
});
