import { serve } from './grpc-server.js';
import { createHandler } from './handler.js';
import { Ledger } from './ledger.js';

const ledger = new Ledger();
ledger.open('10001', 'EUR', 25_000_00);
ledger.open('10002', 'EUR', 480_000_00);
ledger.open('10003', 'EUR', 1_250_000_00);
ledger.open('10004', 'EUR', 42_00);
ledger.open('10005', 'CHF', 90_000_00);

await serve({ name: 'accounting', port: 50055, handle: createHandler(ledger) });
