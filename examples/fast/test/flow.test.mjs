// Starts the ten built services as plain processes and pays. Needs their ports, and curl for pay.sh.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { ports, read, root, services, shortName } from './fleet.mjs';

const grpcServices = services.filter((service) => service !== 'fast-orchestrator-service');
const url = `http://localhost:${ports['fast-orchestrator-service']}`;

// The tests have no packages of their own: they borrow a service's.
const require = createRequire(join(root, 'fast-validation-service/package.json'));
const { Client, Metadata, credentials } = require('@grpc/grpc-js');
const { loadSync } = require('@grpc/proto-loader');
const health = loadSync(join(root, 'fast-validation-service/proto/health.proto'), { enums: String })[
  'grpc.health.v1.Health'
];

const running = new Map();

before(() => Promise.all(services.map(start)));
after(() => running.forEach((child) => child.kill('SIGKILL')));

/** Starts a service and waits until it says that it serves. */
async function start(service) {
  const began = performance.now();
  const child = spawn(process.execPath, ['dist/server.js'], {
    cwd: join(root, service),
    env: { PATH: process.env.PATH, ...localPeers() },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.set(service, child);
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    if (String(chunk).includes('serving')) {
      console.log(`${service}: started in ${Math.round(performance.now() - began)} ms, ten at once`);
      child.stdout.resume();
      return;
    }
  }
  throw new Error(`${service} ended before it served`);
}

function localPeers() {
  return Object.fromEntries(
    grpcServices.map((service) => [`${shortName(service).toUpperCase()}_ADDR`, `localhost:${ports[service]}`]),
  );
}

function connect(service) {
  return new Client(`localhost:${ports[service]}`, credentials.createInsecure(), { 'grpc.enable_http_proxy': 0 });
}

async function check(service, name) {
  const { path, requestSerialize, responseDeserialize } = health.Check;
  const client = connect(service);
  const call = promisify(client.makeUnaryRequest.bind(client));
  try {
    return (await call(path, requestSerialize, responseDeserialize, { service: name })).status;
  } finally {
    client.close();
  }
}

async function post(body) {
  const response = await fetch(`${url}/payments`, { method: 'POST', body });
  return { ...(await response.json()), http: response.status };
}

function payment(changes) {
  return JSON.stringify({ ...JSON.parse(read('payments/good.json')), id: undefined, ...changes });
}

describe('health', () => {
  for (const service of grpcServices) {
    test(service, async () => {
      assert.equal(await check(service, `gpp.g3.${shortName(service)}.MessageHandler`), 'SERVING');
      assert.equal(await check(service, ''), 'SERVING');
      await assert.rejects(check(service, 'gpp.g3.nobody.MessageHandler'), { code: 5 });
    });
  }

  test('fast-orchestrator-service', async () => {
    const response = await fetch(`${url}/health`);
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), { status: 'SERVING' });
  });
});

describe('a good payment', () => {
  test('passes through all ten services, in order', async () => {
    const answer = await post(read('payments/good.json'));
    assert.equal(answer.http, 200);
    assert.equal(answer.status, 'ACCEPTED');
    assert.deepEqual(
      answer.trace.map((hop) => shortName(hop.service)),
      [
        'orchestrator',
        'requesthandler',
        'validation',
        'referencedata',
        'enrichment',
        'accountlookup',
        'vammediation',
        'limitcheck',
        'accounting',
        'mdzmediation',
      ],
    );
    for (const { service, did, durationMs } of answer.trace) {
      assert.ok(did !== '' && durationMs > 0, service);
    }
    const { posting, clearingMessage } = answer.payment;
    assert.deepEqual(posting, {
      debitAccount: '10001',
      creditAccount: '10002',
      amountMinor: 125_50,
      debitBalanceMinor: 24_874_50,
      creditBalanceMinor: 480_125_50,
      repeatedId: false,
    });
    assert.match(clearingMessage, /<IntrBkSttlmAmt Ccy="EUR">125.50</);
  });

  test('moves money once', async () => {
    const { payment } = await post(read('payments/good.json'));
    assert.equal(payment.posting.repeatedId, true);
    assert.equal(payment.posting.debitBalanceMinor, 24_874_50);
  });
});

describe('a bad payment is refused', () => {
  const cases = [
    { body: read('payments/malformed.json'), http: 400, by: 'requesthandler', code: 'MALFORMED', reason: /not JSON/ },
    { body: '{"currency": "euro"}', http: 400, by: 'requesthandler', code: 'MALFORMED', reason: /amount is missing; currency must be/ },
    { body: payment({ debtorIban: 'DE88370400440532013000' }), http: 422, by: 'validation', code: 'BAD_IBAN', reason: /wrong checksum/ },
    { body: payment({ amount: '1.505' }), http: 422, by: 'validation', code: 'BAD_AMOUNT', reason: /3 decimals/ },
    { body: payment({ currency: 'XXX' }), http: 422, by: 'referencedata', code: 'UNKNOWN_CURRENCY', reason: /no currency XXX/ },
    { body: payment({ currency: 'USD' }), http: 422, by: 'enrichment', code: 'WRONG_CURRENCY', reason: /in EUR, the payment in USD/ },
    { body: read('payments/unknown-account.json'), http: 404, by: 'accountlookup', code: 'UNKNOWN_ACCOUNT', reason: /DE24370400440000000404 is not known/ },
    { body: read('payments/over-limit.json'), http: 422, by: 'limitcheck', code: 'OVER_LIMIT', reason: /EUR 20000.00 is over the PRIVATE limit of EUR 15000/ },
    { body: payment({ debtorIban: 'FR1420041010050500013M02606' }), http: 422, by: 'accounting', code: 'NO_FUNDS', reason: /not enough/ },
    { body: payment({ id: 'good-0001', amount: '1.00' }), http: 409, by: 'accounting', code: 'ID_TAKEN', reason: /another payment/ },
  ];
  for (const { body, http, by, code, reason } of cases) {
    test(`${code} by ${by}`, async () => {
      const answer = await post(body);
      assert.equal(answer.http, http);
      assert.equal(answer.status, 'REFUSED');
      assert.equal(answer.refusal.service, `fast-${by}-service`);
      assert.equal(answer.refusal.code, code);
      assert.match(answer.refusal.reason, reason);
      assert.ok(answer.trace.some((hop) => hop.service === answer.refusal.service && hop.did.startsWith('refused')));
    });
  }

  test('a body without end', async () => {
    const response = await fetch(`${url}/payments`, { method: 'POST', body: 'x'.repeat(100_000) });
    assert.equal(response.status, 413);
  });
});

describe('pay.sh', () => {
  const pay = (...args) => promisify(execFile)(join(root, 'payments/pay.sh'), args, { cwd: root });

  test('prints the way of a payment', async () => {
    const { stdout } = await pay('payments/good.json');
    console.log(stdout);
    for (const service of services) {
      assert.ok(stdout.includes(service), service);
    }
  });

  test('accepts the refusal it was told to expect, and no other answer', async () => {
    const { stdout } = await pay('--expect', '404', 'payments/unknown-account.json');
    console.log(stdout);
    await assert.rejects(pay('payments/unknown-account.json'), { code: 1, stderr: /got HTTP 404, expected 200/ });
  });
});

describe('stopping', () => {
  test('a watch of the health ends with NOT_SERVING', async () => {
    const service = 'fast-mdzmediation-service';
    const { path, requestSerialize, responseDeserialize } = health.Watch;
    const watch = connect(service).makeServerStreamRequest(
      path, requestSerialize, responseDeserialize, { service: '' }, new Metadata(),
    );
    const seen = [];
    watch.on('data', ({ status }) => {
      seen.push(status);
      if (status === 'SERVING') {
        running.get(service).kill('SIGTERM');
      }
    });
    await once(watch, 'end');
    assert.deepEqual(seen, ['SERVING', 'NOT_SERVING']);
  });

  test('a payment says which service is gone', async () => {
    const answer = await post(payment({}));
    assert.equal(answer.http, 503);
    assert.match(answer.failure, /fast-mdzmediation-service at localhost:50059/);
  });

  for (const service of services) {
    test(`${service} exits with 0 in two seconds`, async () => {
      const child = running.get(service);
      const began = performance.now();
      child.kill('SIGTERM');
      if (child.exitCode === null) {
        await once(child, 'exit');
      }
      assert.equal(child.exitCode, 0);
      assert.ok(performance.now() - began < 2000);
    });
  }
});
