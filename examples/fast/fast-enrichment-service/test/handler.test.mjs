import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHandler } from '../dist/handler.js';
import { step } from '../dist/message.js';

const accountLookup = (creditorCurrency) => async (message) => ({
  ...message,
  payment: {
    ...message.payment,
    debtor: { holder: 'Erika', currency: 'EUR' },
    creditor: { holder: 'Huber', currency: creditorCurrency },
  },
});

const enrich = (payment, creditorCurrency = 'EUR') =>
  step(
    'fast-enrichment-service',
    { body: '', payment, trace: [], refusal: null },
    createHandler(accountLookup(creditorCurrency), () => new Date('2026-11-21T10:00:00Z')),
  );

test('adds accounts, reference and time', async () => {
  const { payment } = await enrich({ id: 'a-1', currency: 'EUR' });
  assert.equal(payment.endToEndId, 'E2E-a-1');
  assert.equal(payment.acceptedAt, '2026-11-21T10:00:00.000Z');
  assert.equal(payment.creditor.holder, 'Huber');
});

test('keeps the reference within 35 characters', async () => {
  const { payment } = await enrich({ id: 'x'.repeat(36), currency: 'EUR' });
  assert.equal(payment.endToEndId.length, 35);
});

test('refuses an account in another currency', async () => {
  const { refusal } = await enrich({ id: 'a-1', currency: 'EUR' }, 'CHF');
  assert.deepEqual(refusal, {
    service: 'fast-enrichment-service',
    code: 'WRONG_CURRENCY',
    reason: 'the account of Huber is in CHF, the payment in EUR',
  });
});
