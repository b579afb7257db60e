import assert from 'node:assert/strict';
import { test } from 'node:test';
import { handle } from '../dist/handler.js';

const payment = {
  id: 'a-1',
  endToEndId: 'E2E-a-1',
  acceptedAt: '2026-11-21T10:00:00.000Z',
  debtorIban: 'DE89370400440532013000',
  creditorIban: 'AT611904300234573201',
  debtorBic: 'GPPADEFF',
  creditorBic: 'GPPAATWW',
  amount: '125.50',
  currency: 'EUR',
  remittance: 'Nails & <screws>',
  debtor: { holder: 'Erika Mustermann' },
  creditor: { holder: 'Huber Holzbau GmbH' },
};

const { clearingMessage } = handle({ body: '', payment, trace: [], refusal: null }).message.payment;

for (const element of [
  '<MsgId>a-1</MsgId>',
  '<EndToEndId>E2E-a-1</EndToEndId>',
  '<IntrBkSttlmAmt Ccy="EUR">125.50</IntrBkSttlmAmt>',
  '<Nm>Erika Mustermann</Nm>',
  '<IBAN>AT611904300234573201</IBAN>',
  '<BICFI>GPPADEFF</BICFI>',
  '<Ustrd>Nails &amp; &lt;screws&gt;</Ustrd>',
]) {
  test(`writes ${element}`, () => {
    assert.ok(clearingMessage.includes(element), clearingMessage);
  });
}
