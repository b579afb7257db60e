import { format } from '@acme/prices';
import express from 'express';

const app = express();
app.get('/healthz', (_req, res) => void res.send('ok'));
app.get('/', (_req, res) => void res.send(format(1999)));
const port = Number(process.env.PORT ?? 3300);
app.listen(port);
process.on('SIGTERM', () => process.exit(0));
