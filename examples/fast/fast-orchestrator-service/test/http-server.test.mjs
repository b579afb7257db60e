import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { createOrchestrator, letGo } from '../dist/http-server.js';
import { Refused, step } from '../dist/message.js';

const passing = (service) => (message) =>
  step(service, message, () => ({ message: { ...message, payment: { id: 'a-1' } }, did: 'passed' }));

/** Decides by the body, so that one server shows all the answers. */
const deciding = (message) =>
  step('deciding', message, () => {
    if (message.body === 'fail') {
      throw new Error('deciding at nowhere:1: UNAVAILABLE: no connection');
    }
    if (message.body !== 'good') {
      throw new Refused(message.body, 'because');
    }
    return { message, did: 'passed' };
  });

const server = createOrchestrator([passing('first'), deciding, passing('last')]);
let url;

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${server.address().port}`;
});
after(() => server.close());

async function post(body, headers = {}) {
  return fetch(`${url}/payments`, { method: 'POST', body, headers });
}

test('takes a payment through the whole flow', async () => {
  const response = await post('good');
  assert.equal(response.status, 200);
  const { status, paymentId, trace } = await response.json();
  assert.equal(status, 'ACCEPTED');
  assert.equal(paymentId, 'a-1');
  assert.deepEqual(trace.map((hop) => hop.service), ['fast-orchestrator-service', 'first', 'deciding', 'last']);
});

for (const [code, status] of Object.entries({ MALFORMED: 400, UNKNOWN_ACCOUNT: 404, ID_TAKEN: 409, OVER_LIMIT: 422 })) {
  test(`answers ${code} with ${status}, and goes no further`, async () => {
    const response = await post(code);
    assert.equal(response.status, status);
    const { refusal, trace } = await response.json();
    assert.deepEqual(refusal, { service: 'deciding', code, reason: 'because' });
    assert.deepEqual(trace.map((hop) => hop.service), ['fast-orchestrator-service', 'first', 'deciding']);
  });
}

test('says which service did not answer', async () => {
  const response = await post('fail');
  assert.equal(response.status, 503);
  assert.match((await response.json()).failure, /deciding at nowhere:1: UNAVAILABLE/);
});

test('answers in text to whoever asks for it', async () => {
  const response = await post('OVER_LIMIT', { Accept: 'text/plain' });
  const text = await response.text();
  assert.match(text, /^REFUSED \(HTTP 422\) payment a-1\nby deciding: OVER_LIMIT, because\n/);
});

test('is healthy', async () => {
  const response = await fetch(`${url}/health`);
  assert.equal(response.status, 200);
});

test('names its paths to whoever missed them', async () => {
  const response = await fetch(`${url}/payment`, { method: 'POST' });
  assert.equal(response.status, 404);
  assert.match((await response.json()).error, /POST \/payments/);
});

test('lets go of clients that keep connections', async () => {
  const leaving = createOrchestrator([passing('only')]);
  leaving.listen(0, '127.0.0.1');
  await once(leaving, 'listening');
  const ask = () => fetch(`http://127.0.0.1:${leaving.address().port}/payments`, { method: 'POST', body: 'good' });
  assert.equal((await ask()).headers.get('connection'), 'keep-alive');
  letGo(leaving);
  const last = await ask();
  assert.equal(last.status, 200);
  assert.equal(last.headers.get('connection'), 'close');
  leaving.close();
});
