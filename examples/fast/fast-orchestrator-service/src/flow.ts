import type { Message } from './generated/gpp/g3/Message.js';
import { step, type Peer } from './message.js';
import { connect } from './peer.js';

/**
 * The services that a payment passes, in this order. Two of them ask another one:
 * validation the reference data, enrichment the account lookup.
 */
export function connectFlow(): Peer[] {
  return [
    connect('requesthandler', 50051),
    connect('validation', 50052),
    connect('enrichment', 50053),
    connect('vammediation', 50058),
    connect('limitcheck', 50054),
    connect('accounting', 50055),
    connect('mdzmediation', 50059),
  ];
}

/** Takes the body of a request through the flow, up to its end or the first refusal. */
export function pay(body: string, flow: Peer[]): Promise<Message> {
  const request: Message = { body, payment: null, trace: [], refusal: null };
  return step('fast-orchestrator-service', request, async (message, ask) => {
    for (const peer of flow) {
      message = await ask(peer);
    }
    return { message, did: 'took the payment through the flow' };
  });
}
