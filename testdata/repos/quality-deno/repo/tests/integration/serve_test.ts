import assert from "node:assert";
import { add } from "../../add.ts";

Deno.test("answers", async () => {
  const server = Deno.serve({ port: 0 }, () => new Response(String(add(1, 2))));
  const answer = await fetch(`http://localhost:${server.addr.port}/`);
  assert.equal(await answer.text(), "3");
  await server.shutdown();
});
