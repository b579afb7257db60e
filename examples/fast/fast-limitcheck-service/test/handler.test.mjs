import assert from 'node:assert/strict';
import { test } from 'node:test';
import { handle } from '../dist/handler.js';

const check = (segment, currency, currencyDecimals, amountMinor) =>
  handle({
    body: '',
    payment: { amount: String(amountMinor / 10 ** currencyDecimals), currency, currencyDecimals, amountMinor, debtor: { segment } },
    trace: [],
    refusal: null,
  });

test('lets an amount up to the limit pass', () => {
  assert.match(check('PRIVATE', 'EUR', 2, 15_000_00).did, /within the PRIVATE limit of EUR 15000/);
  assert.match(check('BUSINESS', 'EUR', 2, 20_000_00).did, /within the BUSINESS limit/);
  assert.match(check('PRIVATE', 'JPY', 0, 2_000_000).did, /within/);
});

test('refuses the first cent over it', () => {
  assert.throws(() => check('PRIVATE', 'EUR', 2, 15_000_01), {
    code: 'OVER_LIMIT',
    reason: 'EUR 15000.01 is over the PRIVATE limit of EUR 15000',
  });
});

test('refuses where no limit is set', () => {
  assert.throws(() => check('ROBOT', 'EUR', 2, 1), { code: 'NO_LIMIT' });
});
