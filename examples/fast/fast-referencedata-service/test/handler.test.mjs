import assert from 'node:assert/strict';
import { test } from 'node:test';
import { handle } from '../dist/handler.js';

const good = { debtorIban: 'DE89370400440532013000', creditorIban: 'NL91ABNA0417164300', currency: 'EUR' };

const lookUp = (changes) => handle({ body: '', payment: { ...good, ...changes }, trace: [], refusal: null }).message.payment;

test('knows currency and banks', () => {
  const { currencyDecimals, debtorBic, creditorBic } = lookUp({});
  assert.deepEqual([currencyDecimals, debtorBic, creditorBic], [2, 'GPPADEFF', 'GPPANL2A']);
  assert.equal(lookUp({ currency: 'JPY' }).currencyDecimals, 0);
});

const refused = [
  { changes: { currency: 'XXX' }, code: 'UNKNOWN_CURRENCY' },
  { changes: { currency: 'constructor' }, code: 'UNKNOWN_CURRENCY' },
  { changes: { debtorIban: 'ES9121000418450200051332' }, code: 'UNKNOWN_COUNTRY' },
  { changes: { debtorIban: 'DE8937040044053201300' }, code: 'BAD_IBAN' },
  { changes: { creditorIban: 'DE44999999990532013000' }, code: 'UNKNOWN_BANK' },
];
for (const { changes, code } of refused) {
  test(`refuses ${JSON.stringify(changes)}`, () => {
    assert.throws(() => lookUp(changes), { code });
  });
}
