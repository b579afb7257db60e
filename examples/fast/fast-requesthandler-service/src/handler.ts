import { randomUUID } from 'node:crypto';
import type { Payment } from './generated/gpp/g3/Payment.js';
import { Refused, type Handler } from './message.js';

/** What a client may write, and what it must look like. */
const fields: Record<string, { required: boolean; pattern: RegExp; want: string }> = {
  id: { required: false, pattern: /^[\w-]{1,36}$/, want: '1 to 36 letters, digits, "-" or "_"' },
  debtorIban: { required: true, pattern: /\S/, want: 'an IBAN' },
  creditorIban: { required: true, pattern: /\S/, want: 'an IBAN' },
  amount: { required: true, pattern: /^\d{1,12}(\.\d{1,3})?$/, want: 'a decimal in quotes, such as "125.50"' },
  currency: { required: true, pattern: /^[A-Z]{3}$/, want: 'three capital letters, such as "EUR"' },
  remittance: { required: false, pattern: /^.{0,140}$/s, want: 'at most 140 characters' },
};

export const handle: Handler = (message) => {
  const request = parse(message.body);
  const problems = [
    ...Object.keys(request).filter((name) => !Object.hasOwn(fields, name)).map((name) => `${name} is not a known field`),
    ...Object.keys(fields).flatMap((name) => problemOf(name, request[name])),
  ];
  if (problems.length > 0) {
    throw new Refused('MALFORMED', problems.join('; '));
  }

  const text = (name: string) => (request[name] as string | undefined) ?? '';
  const payment: Payment = {
    ...emptyPayment,
    id: text('id') || randomUUID(),
    debtorIban: withoutSpaces(text('debtorIban')),
    creditorIban: withoutSpaces(text('creditorIban')),
    amount: text('amount'),
    currency: text('currency'),
    remittance: text('remittance'),
  };
  return { message: { ...message, body: '', payment }, did: `read payment ${payment.id}` };
};

function parse(body: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    throw new Refused('MALFORMED', `the body is not JSON: ${(error as Error).message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Refused('MALFORMED', 'the body is not a JSON object');
  }
  return value as Record<string, unknown>;
}

function problemOf(name: string, value: unknown): string[] {
  const { required, pattern, want } = fields[name]!;
  if (value === undefined) {
    return required ? [`${name} is missing`] : [];
  }
  return typeof value === 'string' && pattern.test(value) ? [] : [`${name} must be ${want}`];
}

/** People write IBANs in groups of four. */
function withoutSpaces(iban: string): string {
  return iban.replaceAll(/\s/g, '').toUpperCase();
}

const emptyPayment: Payment = {
  id: '',
  debtorIban: '',
  creditorIban: '',
  amount: '',
  currency: '',
  remittance: '',
  currencyDecimals: 0,
  debtorBic: '',
  creditorBic: '',
  amountMinor: 0,
  debtor: null,
  creditor: null,
  endToEndId: '',
  acceptedAt: '',
  creditAccount: '',
  posting: null,
  clearingMessage: '',
};
