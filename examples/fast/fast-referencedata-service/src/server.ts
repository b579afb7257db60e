import { serve } from './grpc-server.js';
import { handle } from './handler.js';

await serve({ name: 'referencedata', port: 50057, handle });
