// Reads the protos beside the compiled files. Identical in all services.

import { loadSync } from '@grpc/proto-loader';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { join } from 'node:path';

const directory = join(import.meta.dirname, 'proto');

/** The definition of one service, such as `gpp.g3.validation.MessageHandler` in `validation.proto`. */
export function loadService(file: string, service: string): ServiceDefinition {
  // The same options as in the script "generate": types and values must agree.
  const protos = loadSync(file, {
    includeDirs: [directory],
    longs: Number,
    enums: String,
    defaults: true,
  });
  const definition = protos[service];
  if (!definition) {
    throw new Error(`${file} defines no ${service}`);
  }
  return definition as ServiceDefinition;
}
