import type { Message } from './generated/gpp/g3/Message.js';

export interface Answer {
  status: number; // HTTP
  body: Body;
}

interface Body {
  status: 'ACCEPTED' | 'REFUSED' | 'FAILED';
  paymentId?: string;
  refusal?: { service: string; code: string; reason: string };
  failure?: string;
  payment?: object;
  trace: { service: string; did: string; durationMs: number }[];
}

/** HTTP status by refusal code; all others are 422, understood but not possible. */
const statusByCode: Record<string, number> = {
  MALFORMED: 400,
  UNKNOWN_ACCOUNT: 404,
  ID_TAKEN: 409,
};

/** What the client gets to know of a payment that was accepted or refused. */
export function answerTo({ payment, refusal, trace: hops }: Message): Answer {
  const paymentId = payment?.id;
  const trace = hops.map(({ service, did, durationMicros }) => ({ service, did, durationMs: durationMicros / 1000 }));
  if (refusal) {
    const status = statusByCode[refusal.code] ?? 422;
    return { status, body: { status: 'REFUSED', paymentId, refusal, trace } };
  }
  const { posting, acceptedAt, endToEndId, clearingMessage } = payment ?? {};
  return {
    status: 200,
    body: { status: 'ACCEPTED', paymentId, payment: { acceptedAt, endToEndId, posting, clearingMessage }, trace },
  };
}

/** A service that did not answer. Whoever sends the payment again with the same id pays only once. */
export function answerToFailure(error: Error): Answer {
  return { status: 503, body: { status: 'FAILED', failure: error.message, trace: [] } };
}

/** The answer for a person to read. */
export function toText({ status, body }: Answer): string {
  const lines = [`${body.status} (HTTP ${status})${body.paymentId ? ` payment ${body.paymentId}` : ''}`];
  if (body.refusal) {
    lines.push(`by ${body.refusal.service}: ${body.refusal.code}, ${body.refusal.reason}`);
  }
  if (body.failure) {
    lines.push(body.failure);
  }
  for (const { service, did, durationMs } of body.trace) {
    lines.push(`${durationMs.toFixed(2).padStart(8)} ms  ${service.padEnd(27)}  ${did}`);
  }
  return lines.join('\n') + '\n';
}
