// What a service does with a message, and the trace it leaves. Identical in all services.

import type { Message } from './generated/gpp/g3/Message.js';

/** Does a service's work on a message; throws `Refused` when the payment must not go on. */
export type Handler = (message: Message) => Done | Promise<Done>;

export interface Done {
  message: Message;
  did: string; // for the trace, in the past tense
}

/** A payment that must not go on, and why. Not a failure of the service. */
export class Refused extends Error {
  constructor(
    readonly code: string,
    readonly reason: string,
  ) {
    super(`${code}: ${reason}`);
  }
}

/** Runs a handler and puts the service's hop into the trace, before the hops of those it called. */
export async function step(service: string, message: Message, handle: Handler): Promise<Message> {
  const started = performance.now();
  const before = message.trace.length;

  const withHop = (after: Message, did: string): Message => {
    const durationMicros = Math.round((performance.now() - started) * 1000);
    return { ...after, trace: after.trace.toSpliced(before, 0, { service, did, durationMicros }) };
  };

  try {
    const done = await handle(message);
    return withHop(done.message, done.did);
  } catch (error) {
    if (!(error instanceof Refused)) {
      throw error;
    }
    const { code, reason } = error;
    return withHop({ ...message, refusal: { service, code, reason } }, `refused: ${reason}`);
  }
}

/** A part of the message that an earlier service must have filled. */
export function need<T>(part: T | null, name: string): T {
  if (part === null) {
    throw new Error(`the message carries no ${name}: was a service left out?`);
  }
  return part;
}
