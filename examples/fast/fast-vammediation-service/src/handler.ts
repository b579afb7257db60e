import { Refused, need, type Handler } from './message.js';

/** Virtual account management: the number of the real account behind each virtual IBAN. */
const realAccounts = new Map([['AT441904300990000001', '10002']]);

export const handle: Handler = (message) => {
  const payment = need(message.payment, 'payment');
  const creditor = need(payment.creditor, 'creditor account');
  if (!creditor.virtual) {
    return {
      message: { ...message, payment: { ...payment, creditAccount: creditor.number } },
      did: `left account ${creditor.number} as it is: it is no virtual one`,
    };
  }

  const creditAccount = realAccounts.get(payment.creditorIban);
  if (creditAccount === undefined) {
    throw new Refused('UNMAPPED_ACCOUNT', `no real account stands behind the virtual account ${payment.creditorIban}`);
  }
  return {
    message: { ...message, payment: { ...payment, creditAccount } },
    did: `found account ${creditAccount} behind the virtual account ${payment.creditorIban}`,
  };
};
