import { serve } from './grpc-server.js';
import { handle } from './handler.js';

await serve({ name: 'vammediation', port: 50058, handle });
