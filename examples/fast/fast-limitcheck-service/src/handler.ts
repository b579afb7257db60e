import { Refused, need, type Handler } from './message.js';

/** The most that one instant payment may move, in whole units, by segment of the debtor. */
const limits: Record<string, Record<string, number>> = {
  PRIVATE: { EUR: 15_000, CHF: 15_000, USD: 15_000, JPY: 2_000_000 },
  BUSINESS: { EUR: 100_000, CHF: 100_000, USD: 100_000, JPY: 15_000_000 },
};

export const handle: Handler = (message) => {
  const payment = need(message.payment, 'payment');
  const { segment } = need(payment.debtor, 'debtor account');
  const { amount, currency } = payment;

  const limit = limits[segment]?.[currency];
  if (limit === undefined) {
    throw new Refused('NO_LIMIT', `no limit is set for ${segment} payments in ${currency}`);
  }
  if (payment.amountMinor > limit * 10 ** payment.currencyDecimals) {
    throw new Refused('OVER_LIMIT', `${currency} ${amount} is over the ${segment} limit of ${currency} ${limit}`);
  }
  return { message, did: `found the amount within the ${segment} limit of ${currency} ${limit}` };
};
