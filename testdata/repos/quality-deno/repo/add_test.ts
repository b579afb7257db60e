import assert from "node:assert";
import { add } from "./add.ts";

Deno.test("adds", () => {
  assert.equal(add(1, 2), 3);
});
