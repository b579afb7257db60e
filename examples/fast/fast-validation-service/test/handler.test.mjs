import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHandler } from '../dist/handler.js';
import { Refused, step } from '../dist/message.js';

const good = { debtorIban: 'DE89370400440532013000', creditorIban: 'AT611904300234573201', amount: '125.50', currency: 'EUR' };

const referenceData = (decimals) => (message) =>
  step('fast-referencedata-service', message, () => ({
    message: { ...message, payment: { ...message.payment, currencyDecimals: decimals } },
    did: 'knew',
  }));

const validate = (changes, peer = referenceData(2)) =>
  step(
    'fast-validation-service',
    { body: '', payment: { ...good, ...changes }, trace: [], refusal: null },
    createHandler(peer),
  );

test('counts the amount in the smallest unit', async () => {
  assert.equal((await validate({})).payment.amountMinor, 125_50);
  assert.equal((await validate({ amount: '7' })).payment.amountMinor, 7_00);
  assert.equal((await validate({ amount: '0.1' })).payment.amountMinor, 10);
  assert.equal((await validate({ amount: '1000', currency: 'JPY' }, referenceData(0))).payment.amountMinor, 1000);
});

test('stands in the trace before the service that it asked', async () => {
  const { trace } = await validate({});
  assert.deepEqual(trace.map((hop) => hop.service), ['fast-validation-service', 'fast-referencedata-service']);
});

const refused = [
  { what: 'a wrong checksum', changes: { debtorIban: 'DE88370400440532013000' }, code: 'BAD_IBAN', reason: /debtor's .* wrong checksum/ },
  { what: 'two digits exchanged', changes: { creditorIban: 'AT611904300234572301' }, code: 'BAD_IBAN', reason: /creditor's .* wrong checksum/ },
  { what: 'what is no IBAN', changes: { debtorIban: 'my account' }, code: 'BAD_IBAN', reason: /form of an IBAN/ },
  { what: 'a payment to oneself', changes: { creditorIban: good.debtorIban }, code: 'SAME_ACCOUNT', reason: /same account/ },
  { what: 'more decimals than the currency has', changes: { amount: '1.505' }, code: 'BAD_AMOUNT', reason: /3 decimals, EUR has 2/ },
  { what: 'nothing', changes: { amount: '0.00' }, code: 'BAD_AMOUNT', reason: /zero/ },
];
for (const { what, changes, code, reason } of refused) {
  test(`refuses ${what}`, async () => {
    const { refusal } = await validate(changes);
    assert.equal(refusal.service, 'fast-validation-service');
    assert.equal(refusal.code, code);
    assert.match(refusal.reason, reason);
  });
}

test('passes on what the reference data refuses', async () => {
  const refusing = (message) =>
    step('fast-referencedata-service', message, () => {
      throw new Refused('UNKNOWN_CURRENCY', 'no currency XXX');
    });
  const { refusal, trace } = await validate({}, refusing);
  assert.equal(refusal.service, 'fast-referencedata-service');
  assert.equal(trace[0].did, 'stopped, as fast-referencedata-service refused');
});
