// The standard gRPC health service. Identical in all gRPC services.

import {
  status as Code,
  type Server,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import type { HealthCheckRequest } from './generated/grpc/health/v1/HealthCheckRequest.js';
import type { HealthCheckResponse } from './generated/grpc/health/v1/HealthCheckResponse.js';
import { loadService } from './proto.js';

type Status = HealthCheckResponse['status'];
type Watch = ServerWritableStream<HealthCheckRequest, HealthCheckResponse>;

/** One status for all the names it answers to, NOT_SERVING at first. */
export class Health {
  #status: Status = 'NOT_SERVING';
  readonly #watches = new Set<Watch>();

  /** The empty name stands for the whole server. */
  constructor(readonly names: string[]) {}

  addTo(server: Server): void {
    server.addService(loadService('health.proto', 'grpc.health.v1.Health'), {
      check: (
        call: ServerUnaryCall<HealthCheckRequest, HealthCheckResponse>,
        answer: sendUnaryData<HealthCheckResponse>,
      ) => {
        const { service } = call.request;
        const status = this.#statusOf(service);
        if (status === 'SERVICE_UNKNOWN') {
          answer({ code: Code.NOT_FOUND, details: `unknown service ${service}` });
        } else {
          answer(null, { status });
        }
      },
      watch: (call: Watch) => {
        this.#watches.add(call);
        call.on('cancelled', () => this.#watches.delete(call));
        call.write({ status: this.#statusOf(call.request.service) });
      },
    });
  }

  serving(): void {
    this.#set('SERVING');
  }

  /** Says NOT_SERVING to everyone, and ends the watches so that the server can drain. */
  stop(): void {
    this.#set('NOT_SERVING');
    for (const watch of this.#watches) {
      watch.end();
    }
    this.#watches.clear();
  }

  #set(status: Status): void {
    this.#status = status;
    for (const watch of this.#watches) {
      watch.write({ status: this.#statusOf(watch.request.service) });
    }
  }

  #statusOf(service: string): Status {
    return this.names.includes(service) ? this.#status : 'SERVICE_UNKNOWN';
  }
}
