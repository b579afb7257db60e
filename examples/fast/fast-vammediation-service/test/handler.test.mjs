import assert from 'node:assert/strict';
import { test } from 'node:test';
import { handle } from '../dist/handler.js';

const mediate = (creditorIban, creditor) =>
  handle({ body: '', payment: { creditorIban, creditor }, trace: [], refusal: null }).message.payment;

test('finds the real account behind a virtual one', () => {
  assert.equal(mediate('AT441904300990000001', { number: '', virtual: true }).creditAccount, '10002');
});

test('leaves a real account as it is', () => {
  assert.equal(mediate('NL91ABNA0417164300', { number: '10003', virtual: false }).creditAccount, '10003');
});

test('refuses a virtual account with none behind it', () => {
  assert.throws(() => mediate('AT611904300234573201', { number: '', virtual: true }), { code: 'UNMAPPED_ACCOUNT' });
});
