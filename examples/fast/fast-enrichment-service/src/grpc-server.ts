// Serves a MessageHandler, with health and a clean stop. Identical in all gRPC services.

import {
  Server,
  ServerCredentials,
  status as Code,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { promisify } from 'node:util';
import type { Message } from './generated/gpp/g3/Message.js';
import { Health } from './health.js';
import { step, type Handler } from './message.js';
import { loadService } from './proto.js';

/** How long running calls may take after SIGTERM. */
const DRAIN_MS = 1500;

export interface Service {
  name: string; // short: "validation"
  port: number; // unless PORT says otherwise
  handle: Handler;
}

/** Serves until SIGTERM or SIGINT. */
export async function serve({ name, port, handle }: Service): Promise<void> {
  const fullName = `fast-${name}-service`;
  const service = `gpp.g3.${name}.MessageHandler`;
  const server = new Server();
  const health = new Health(['', service]);
  health.addTo(server);
  server.addService(loadService(`${name}.proto`, service), {
    handle: (call: ServerUnaryCall<Message, Message>, answer: sendUnaryData<Message>) => {
      step(fullName, call.request, handle).then(
        (message) => answer(null, message),
        (error: Error) => {
          console.error(`${fullName}: ${error.message}`);
          answer({ code: Code.INTERNAL, details: error.message });
        },
      );
    },
  });

  const address = `0.0.0.0:${process.env.PORT ?? port}`;
  const bind = promisify(server.bindAsync).bind(server);
  await bind(address, ServerCredentials.createInsecure());
  stopOnSignal(fullName, server, health);
  health.serving();
  console.log(`${fullName}: serving ${service} on ${address}`);
}

function stopOnSignal(fullName: string, server: Server, health: Health): void {
  const stop = (signal: string) => {
    console.log(`${fullName}: ${signal}, finishing running calls`);
    health.stop();
    setTimeout(() => server.forceShutdown(), DRAIN_MS).unref();
    server.tryShutdown(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}
