import { Refused, need, type Handler } from './message.js';

/** ISO 4217: decimals by currency. */
const currencies = new Map([
  ['CHF', 2],
  ['EUR', 2],
  ['JPY', 0],
  ['USD', 2],
]);

/** IBANs by country: their length, and where the bank code ends (it begins at 4). */
const countries = new Map([
  ['AT', { length: 20, bankEnds: 9 }],
  ['CH', { length: 21, bankEnds: 9 }],
  ['DE', { length: 22, bankEnds: 12 }],
  ['FR', { length: 27, bankEnds: 9 }],
  ['NL', { length: 18, bankEnds: 8 }],
]);

/** BICs of the banks that take part, by country and bank code. The banks are invented. */
const banks = new Map([
  ['AT19043', 'GPPAATWW'],
  ['CH00762', 'GPPACHZZ'],
  ['DE37040044', 'GPPADEFF'],
  ['FR20041', 'GPPAFRPP'],
  ['NLABNA', 'GPPANL2A'],
]);

export const handle: Handler = (message) => {
  const payment = need(message.payment, 'payment');
  const currencyDecimals = currencies.get(payment.currency);
  if (currencyDecimals === undefined) {
    throw new Refused('UNKNOWN_CURRENCY', `no currency ${payment.currency}; known are ${list(currencies)}`);
  }
  const debtorBic = bicOf(payment.debtorIban);
  const creditorBic = bicOf(payment.creditorIban);
  return {
    message: { ...message, payment: { ...payment, currencyDecimals, debtorBic, creditorBic } },
    did: `knew ${payment.currency} and the banks ${debtorBic} and ${creditorBic}`,
  };
};

function bicOf(iban: string): string {
  const code = iban.slice(0, 2);
  const country = countries.get(code);
  if (!country) {
    throw new Refused('UNKNOWN_COUNTRY', `${iban} is of ${code}, which takes no part; ${list(countries)} do`);
  }
  if (iban.length !== country.length) {
    throw new Refused('BAD_IBAN', `${iban} has ${iban.length} characters, IBANs of ${code} have ${country.length}`);
  }
  const bank = code + iban.slice(4, country.bankEnds);
  const bic = banks.get(bank);
  if (!bic) {
    throw new Refused('UNKNOWN_BANK', `no bank ${bank} takes part (IBAN ${iban})`);
  }
  return bic;
}

function list(known: Map<string, unknown>): string {
  return [...known.keys()].join(', ');
}
