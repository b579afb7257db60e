import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { createApp } from "../dist/app.js";

let server;
let url;

before(async () => {
  server = createApp().listen(0);
  await new Promise((resolve) => server.once("listening", resolve));
  url = `http://127.0.0.1:${server.address().port}`;
});
after(() => server.close());

const post = (text) =>
  fetch(`${url}/notes`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ text }) });

test("answers that it is healthy", async () => {
  assert.deepEqual(await (await fetch(`${url}/health`)).json(), { status: "ok" });
});

test("keeps a note until it is deleted", async () => {
  const created = await post(" buy bread ");
  assert.equal(created.status, 201);
  const note = await created.json();
  assert.deepEqual(await (await fetch(url + created.headers.get("location"))).json(), { id: note.id, text: "buy bread" });
  assert.equal((await fetch(`${url}/notes/${note.id}`, { method: "DELETE" })).status, 204);
  assert.equal((await fetch(`${url}/notes/${note.id}`)).status, 404);
});

test("refuses a note without text", async () => {
  assert.equal((await post("  ")).status, 400);
});
