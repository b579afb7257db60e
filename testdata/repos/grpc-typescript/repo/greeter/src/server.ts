import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import * as loader from '@grpc/proto-loader';
import { HealthImplementation } from 'grpc-health-check';
import type { ProtoGrpcType } from './generated/greeter.js';

const file = fileURLToPath(new URL('../proto/greeter.proto', import.meta.url));
const { demo } = grpc.loadPackageDefinition(loader.loadSync(file)) as unknown as ProtoGrpcType;
const server = new grpc.Server();
server.addService(demo.greeter.Greeter.service, {
  Greet: (call: any, done: any) => done(null, { text: `Hello, ${call.request.name}` }),
});
new HealthImplementation({ 'demo.greeter.Greeter': 'SERVING' }).addToServer(server);
server.bindAsync('0.0.0.0:50051', grpc.ServerCredentials.createInsecure(), (err) => {
  if (err) throw err;
});
process.on('SIGTERM', () => server.tryShutdown(() => process.exit(0)));
