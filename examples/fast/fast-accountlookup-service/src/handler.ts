import type { Account } from './generated/gpp/g3/Account.js';
import { Refused, need, type Handler } from './message.js';

const accounts = new Map([
  ['DE89370400440532013000', account('10001', 'Erika Mustermann', 'EUR', 'PRIVATE')],
  ['AT611904300234573201', account('10002', 'Huber Holzbau GmbH', 'EUR', 'BUSINESS')],
  ['NL91ABNA0417164300', account('10003', 'Tulp Telecom BV', 'EUR', 'BUSINESS')],
  ['FR1420041010050500013M02606', account('10004', 'Camille Martin', 'EUR', 'PRIVATE')],
  ['CH9300762011623852957', account('10005', 'Alpen Versand AG', 'CHF', 'BUSINESS')],
  ['AT441904300990000001', virtual('Huber Holzbau GmbH, invoice 2026-0042', 'EUR')],
]);

const closed = new Set(['DE61370400440000000999']);

export const handle: Handler = (message) => {
  const payment = need(message.payment, 'payment');
  const debtor = find('debtor', payment.debtorIban);
  const creditor = find('creditor', payment.creditorIban);
  if (debtor.virtual) {
    throw new Refused('VIRTUAL_DEBTOR', `${payment.debtorIban} is a virtual account: it can only receive`);
  }
  return {
    message: { ...message, payment: { ...payment, debtor, creditor } },
    did: `found the accounts of ${debtor.holder} and ${creditor.holder}`,
  };
};

function find(whose: string, iban: string): Account {
  const found = accounts.get(iban);
  if (found) {
    return found;
  }
  if (closed.has(iban)) {
    throw new Refused('CLOSED_ACCOUNT', `the ${whose}'s account ${iban} is closed`);
  }
  throw new Refused('UNKNOWN_ACCOUNT', `the ${whose}'s account ${iban} is not known`);
}

function account(number: string, holder: string, currency: string, segment: string): Account {
  return { number, holder, currency, segment, virtual: false };
}

/** A virtual account has an IBAN of its own but no money: it tells payers apart. */
function virtual(holder: string, currency: string): Account {
  return { number: '', holder, currency, segment: 'BUSINESS', virtual: true };
}
