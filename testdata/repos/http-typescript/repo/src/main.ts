import { createServer } from 'node:http';

const port = Number(process.env.PORT ?? 8080);
const server = createServer((req, res) => {
  if (req.url === '/healthz') res.end('ok');
  else res.writeHead(404).end();
});
server.listen(port);
process.on('SIGTERM', () => server.close());
