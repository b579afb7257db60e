import { Refused, need, type Handler, type Peer } from './message.js';

export function createHandler(accountLookup: Peer, now = () => new Date()): Handler {
  return async (_, ask) => {
    const found = await ask(accountLookup);
    const payment = need(found.payment, 'payment');
    const debtor = need(payment.debtor, 'debtor account');
    const creditor = need(payment.creditor, 'creditor account');
    for (const { holder, currency } of [debtor, creditor]) {
      if (currency !== payment.currency) {
        throw new Refused('WRONG_CURRENCY', `the account of ${holder} is in ${currency}, the payment in ${payment.currency}`);
      }
    }

    const endToEndId = `E2E-${payment.id}`.slice(0, 35); // the length that ISO 20022 allows
    const acceptedAt = now().toISOString();
    return {
      message: { ...found, payment: { ...payment, endToEndId, acceptedAt } },
      did: `completed the payment from ${debtor.holder} to ${creditor.holder}`,
    };
  };
}
