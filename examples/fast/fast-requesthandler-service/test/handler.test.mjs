import assert from 'node:assert/strict';
import { test } from 'node:test';
import { handle } from '../dist/handler.js';

const good = {
  id: 'a-1',
  debtorIban: 'de89 3704 0044 0532 0130 00',
  creditorIban: 'AT611904300234573201',
  amount: '125.50',
  currency: 'EUR',
};

const read = (body) => handle({ body, payment: null, trace: [], refusal: null });
const readWith = (changes) => read(JSON.stringify({ ...good, ...changes }));

test('reads a payment', () => {
  const { payment } = readWith({}).message;
  assert.equal(payment.id, 'a-1');
  assert.equal(payment.debtorIban, 'DE89370400440532013000');
  assert.equal(payment.amount, '125.50');
  assert.equal(payment.remittance, '');
});

test('gives a payment without an id a new one', () => {
  assert.match(readWith({ id: undefined }).message.payment.id, /^[0-9a-f-]{36}$/);
});

test('names every problem at once', () => {
  assert.throws(() => readWith({ debtorIban: undefined, amount: 12, currency: 'euro', colour: 'red' }), {
    code: 'MALFORMED',
    reason:
      'colour is not a known field; debtorIban is missing; ' +
      'amount must be a decimal in quotes, such as "125.50"; currency must be three capital letters, such as "EUR"',
  });
});

test('knows no field that only JavaScript knows', () => {
  assert.throws(() => readWith({ toString: 'x' }), { reason: 'toString is not a known field' });
});

for (const amount of ['-1', '1,50', '1e3', '0x10', '', ' 1', '1.2345', 'a lot']) {
  test(`refuses the amount ${JSON.stringify(amount)}`, () => {
    assert.throws(() => readWith({ amount }), { code: 'MALFORMED', reason: /^amount must be/ });
  });
}

for (const body of ['', '{', 'null', '[]', '"text"', '{"__proto__": {}}']) {
  test(`refuses the body ${JSON.stringify(body)}`, () => {
    assert.throws(() => read(body), { code: 'MALFORMED' });
  });
}
