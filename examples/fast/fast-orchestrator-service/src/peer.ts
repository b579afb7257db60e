// Calls another service's MessageHandler. Identical in all services that call others.

import { Client, credentials, status as Code, type ServiceError } from '@grpc/grpc-js';
import type { Message } from './generated/gpp/g3/Message.js';
import type { Peer } from './message.js';
import { loadService } from './proto.js';

/** A call takes at most this long. */
const CALL_MS = 5000;

const channelOptions = {
  'grpc.enable_http_proxy': 0, // peers are near: the proxy for the way out must not get in between
  'grpc.max_reconnect_backoff_ms': 1000, // a peer that was started again is found again at once
};

/**
 * The service of that short name, at the address in its variable (`VALIDATION_ADDR`),
 * else under its own name: `fast-validation-service:50052`. Connects at the first call.
 */
export function connect(name: string, port: number): Peer {
  const fullName = `fast-${name}-service`;
  const address = process.env[`${name.toUpperCase()}_ADDR`] ?? `${fullName}:${port}`;
  const method = loadService(`${name}.proto`, `gpp.g3.${name}.MessageHandler`)['Handle'];
  if (!method) {
    throw new Error(`${name}.proto defines no Handle`);
  }
  const client = new Client(address, credentials.createInsecure(), channelOptions);

  return (message) =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest<Message, Message>(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        message,
        { deadline: Date.now() + CALL_MS },
        (error, answer) => (answer ? resolve(answer) : reject(failed(fullName, address, error))),
      );
    });
}

function failed(fullName: string, address: string, error: ServiceError | null): Error {
  const cause = error ? `${Code[error.code]}: ${error.details}` : 'no answer';
  return new Error(`${fullName} at ${address}: ${cause}`);
}
