import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger } from '../dist/ledger.js';

function newLedger() {
  const ledger = new Ledger();
  ledger.open('A', 'EUR', 100_00);
  ledger.open('B', 'EUR', 0);
  ledger.open('C', 'CHF', 5_00);
  return ledger;
}

const transfer = { id: 'p-1', debit: 'A', credit: 'B', currency: 'EUR', amountMinor: 30_00 };

test('moves money from one account to the other', () => {
  const ledger = newLedger();
  assert.deepEqual(ledger.post(transfer), {
    debitAccount: 'A',
    creditAccount: 'B',
    amountMinor: 30_00,
    debitBalanceMinor: 70_00,
    creditBalanceMinor: 30_00,
    repeatedId: false,
  });
});

test('books two entries that add up to zero', () => {
  const ledger = newLedger();
  ledger.post(transfer);
  assert.deepEqual(ledger.journal().filter((entry) => entry.id === 'p-1'), [
    { id: 'p-1', account: 'A', amountMinor: -30_00 },
    { id: 'p-1', account: 'B', amountMinor: 30_00 },
  ]);
  assert.equal(ledger.journal().reduce((sum, entry) => sum + entry.amountMinor, 0), 0);
});

test('moves money once an id', () => {
  const ledger = newLedger();
  const first = ledger.post(transfer);
  assert.deepEqual(ledger.post(transfer), { ...first, repeatedId: true });
  assert.equal(ledger.balance('A'), 70_00);
});

const refused = [
  { what: 'an id that belongs to another payment', changes: { amountMinor: 1 }, code: 'ID_TAKEN' },
  { what: 'more than there is', changes: { id: 'p-2', amountMinor: 70_01 }, code: 'NO_FUNDS' },
  { what: 'an account of another currency', changes: { id: 'p-2', credit: 'C' }, code: 'WRONG_CURRENCY' },
  { what: 'an account that pays itself', changes: { id: 'p-2', credit: 'A' }, code: 'SAME_ACCOUNT' },
  { what: 'an account it does not have', changes: { id: 'p-2', credit: 'Z' }, code: 'UNKNOWN_ACCOUNT' },
];
for (const { what, changes, code } of refused) {
  test(`refuses ${what}, and moves nothing`, () => {
    const ledger = newLedger();
    ledger.post(transfer);
    const entries = ledger.journal().length;
    assert.throws(() => ledger.post({ ...transfer, ...changes }), { code });
    assert.equal(ledger.journal().length, entries);
  });
}
