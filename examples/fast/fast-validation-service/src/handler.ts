import { Refused, need, type Handler, type Peer } from './message.js';

export function createHandler(referenceData: Peer): Handler {
  return async (message, ask) => {
    const { debtorIban, creditorIban } = need(message.payment, 'payment');
    checkIban('debtor', debtorIban);
    checkIban('creditor', creditorIban);
    if (debtorIban === creditorIban) {
      throw new Refused('SAME_ACCOUNT', `debtor and creditor are the same account, ${debtorIban}`);
    }

    const known = await ask(referenceData);
    const payment = need(known.payment, 'payment');
    const amountMinor = toMinor(payment.amount, payment.currency, payment.currencyDecimals);
    return {
      message: { ...known, payment: { ...payment, amountMinor } },
      did: `checked both IBANs and the amount, ${amountMinor} in the smallest unit of ${payment.currency}`,
    };
  };
}

function checkIban(whose: string, iban: string): void {
  if (!/^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/.test(iban)) {
    throw new Refused('BAD_IBAN', `the ${whose}'s IBAN ${iban} has not the form of an IBAN`);
  }
  if (remainder97(iban) !== 1) {
    throw new Refused('BAD_IBAN', `the ${whose}'s IBAN ${iban} has a wrong checksum`);
  }
}

/** ISO 7064: the first four characters go to the end, letters count from A = 10; a good IBAN leaves 1. */
function remainder97(iban: string): number {
  const digits = Array.from(iban.slice(4) + iban.slice(0, 4), (char) => parseInt(char, 36)).join('');
  return Array.from(digits).reduce((rest, digit) => (rest * 10 + Number(digit)) % 97, 0);
}

/** "125.50" with two decimals is 12550. Works on the text: no floating point touches money. */
function toMinor(amount: string, currency: string, decimals: number): number {
  const [whole = '', fraction = ''] = amount.split('.');
  if (fraction.length > decimals) {
    throw new Refused('BAD_AMOUNT', `${amount} has ${fraction.length} decimals, ${currency} has ${decimals}`);
  }
  const minor = Number(whole + fraction.padEnd(decimals, '0'));
  if (minor === 0) {
    throw new Refused('BAD_AMOUNT', 'the amount is zero');
  }
  return minor;
}
