// What a service does with a message, and the trace it leaves. Identical in all services.

import type { Message } from './generated/gpp/g3/Message.js';

/** Does a service's work on a message; throws `Refused` when the payment must not go on. */
export type Handler = (message: Message, ask: Ask) => Done | Promise<Done>;

/** Sends the message to another service and gives back its answer; a refusal there ends the work here. */
export type Ask = (peer: Peer) => Promise<Message>;

export type Peer = (message: Message) => Promise<Message>;

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

/** Runs a handler and puts the service's hop into the trace, before the hops of those it asked. */
export async function step(service: string, message: Message, handle: Handler): Promise<Message> {
  const started = performance.now();
  const before = message.trace.length;
  const withHop = (after: Message, did: string): Message => {
    const durationMicros = Math.round((performance.now() - started) * 1000);
    return { ...after, trace: after.trace.toSpliced(before, 0, { service, did, durationMicros }) };
  };

  let latest = message; // as the service that was asked last gave it back
  const ask: Ask = async (peer) => {
    latest = await peer(latest);
    if (latest.refusal) {
      throw new Refused(latest.refusal.code, latest.refusal.reason);
    }
    return latest;
  };

  try {
    const done = await handle(message, ask);
    return withHop(done.message, done.did);
  } catch (error) {
    if (!(error instanceof Refused)) {
      throw error;
    }
    if (latest.refusal) {
      return withHop(latest, `stopped, as ${latest.refusal.service} refused`);
    }
    const { code, reason } = error;
    return withHop({ ...latest, refusal: { service, code, reason } }, `refused: ${reason}`);
  }
}

/** A part of the message that an earlier service must have filled. */
export function need<T>(part: T | null, name: string): T {
  if (part === null) {
    throw new Error(`the message carries no ${name}: was a service left out?`);
  }
  return part;
}
