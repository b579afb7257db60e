import assert from 'node:assert/strict';
import { test } from 'node:test';
import { handle } from '../dist/handler.js';

const good = { debtorIban: 'DE89370400440532013000', creditorIban: 'AT441904300990000001' };

const lookUp = (changes) => handle({ body: '', payment: { ...good, ...changes }, trace: [], refusal: null }).message.payment;

test('finds both accounts', () => {
  const { debtor, creditor } = lookUp({});
  assert.deepEqual([debtor.number, debtor.segment, debtor.virtual], ['10001', 'PRIVATE', false]);
  assert.deepEqual([creditor.number, creditor.segment, creditor.virtual], ['', 'BUSINESS', true]);
});

const refused = [
  { changes: { creditorIban: 'DE24370400440000000404' }, code: 'UNKNOWN_ACCOUNT', reason: /creditor's account DE24370400440000000404/ },
  { changes: { debtorIban: 'DE61370400440000000999' }, code: 'CLOSED_ACCOUNT', reason: /debtor's account .* is closed/ },
  { changes: { debtorIban: 'AT441904300990000001' }, code: 'VIRTUAL_DEBTOR', reason: /only receive/ },
];
for (const { changes, code, reason } of refused) {
  test(`refuses with ${code}`, () => {
    assert.throws(() => lookUp(changes), { code, reason });
  });
}
