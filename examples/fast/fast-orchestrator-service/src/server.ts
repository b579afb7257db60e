import { connectFlow } from './flow.js';
import { createOrchestrator, letGo } from './http-server.js';

/** How long clients that keep connections are told to close them, after SIGTERM. */
const LET_GO_MS = 1000;

/** How long running payments may take after that. */
const DRAIN_MS = 1000;

const port = Number(process.env.PORT ?? 3004);
const server = createOrchestrator(connectFlow());

server.listen(port, '0.0.0.0', () => {
  console.log(`fast-orchestrator-service: serving http on 0.0.0.0:${port}`);
});

function stop(signal: string): void {
  console.log(`fast-orchestrator-service: ${signal}, finishing running payments`);
  letGo(server);
  server.getConnections((_, open) => setTimeout(close, open === 0 ? 0 : LET_GO_MS));
}

function close(): void {
  setTimeout(() => server.closeAllConnections(), DRAIN_MS).unref();
  server.close(() => process.exit(0));
}
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
