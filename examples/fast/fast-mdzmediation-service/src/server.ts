import { serve } from './grpc-server.js';
import { handle } from './handler.js';

await serve({ name: 'mdzmediation', port: 50059, handle });
