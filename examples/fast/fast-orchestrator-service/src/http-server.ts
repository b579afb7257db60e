import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { answerTo, answerToFailure, toText } from './answer.js';
import { pay } from './flow.js';
import type { Peer } from './message.js';

const MAX_BODY_BYTES = 64 * 1024;

/** `POST /payments` and `GET /health`. */
export function createOrchestrator(flow: Peer[]): Server {
  const server = createServer((request, response) => {
    route(request, response).catch((error: Error) => {
      console.error(`fast-orchestrator-service: ${error.message}`);
      response.destroy();
    });
  });

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?')[0];
    if (path === '/health' && request.method === 'GET') {
      // No longer listening means stopping: connections that are still open get to know.
      return server.listening
        ? sendJson(response, 200, { status: 'SERVING' })
        : sendJson(response, 503, { status: 'NOT_SERVING' });
    }
    if (path === '/payments' && request.method === 'POST') {
      return takePayment(request, response, flow);
    }
    sendJson(response, 404, { error: `no ${request.method} ${path} here; there are GET /health and POST /payments` });
  }

  return server;
}

/** Ends each connection with its next answer. To close it instead could meet a payment that is on its way. */
export function letGo(server: Server): void {
  server.prependListener('request', (_, response) => response.setHeader('Connection', 'close'));
}

async function takePayment(request: IncomingMessage, response: ServerResponse, flow: Peer[]): Promise<void> {
  const body = await read(request);
  if (body === null) {
    response.setHeader('Connection', 'close');
    return sendJson(response, 413, { error: `the body is larger than ${MAX_BODY_BYTES} bytes` });
  }
  const answer = await pay(body, flow).then(answerTo, answerToFailure);
  if (request.headers.accept === 'text/plain') {
    response.writeHead(answer.status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(toText(answer));
  } else {
    sendJson(response, answer.status, answer.body);
  }
}

/** The body as text, or null when it is too large; the connection stays open for the answer. */
async function read(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) {
      return null;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body, null, 2) + '\n');
}
