import type { Ledger } from './ledger.js';
import { need, type Handler } from './message.js';

export function createHandler(ledger: Ledger): Handler {
  return (message) => {
    const payment = need(message.payment, 'payment');
    const debtor = need(payment.debtor, 'debtor account');
    const posting = ledger.post({
      id: payment.id,
      debit: debtor.number,
      credit: payment.creditAccount,
      currency: payment.currency,
      amountMinor: payment.amountMinor,
    });
    const { debitAccount, creditAccount, repeatedId } = posting;
    return {
      message: { ...message, payment: { ...payment, posting } },
      did: repeatedId
        ? `had posted ${payment.id} before: moved nothing`
        : `moved ${payment.currency} ${payment.amount} from ${debitAccount} to ${creditAccount}`,
    };
  };
}
