import { serve } from './grpc-server.js';
import { handle } from './handler.js';

await serve({ name: 'limitcheck', port: 50054, handle });
