import { connectFlow } from './flow.js';
import { createOrchestrator } from './http-server.js';

/** How long running payments may take after SIGTERM. */
const DRAIN_MS = 1500;

const port = Number(process.env.PORT ?? 3004);
const server = createOrchestrator(connectFlow());

server.listen(port, '0.0.0.0', () => {
  console.log(`fast-orchestrator-service: serving http on 0.0.0.0:${port}`);
});

function stop(signal: string): void {
  console.log(`fast-orchestrator-service: ${signal}, finishing running payments`);
  setTimeout(() => server.closeAllConnections(), DRAIN_MS).unref();
  server.close(() => process.exit(0));
}
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
