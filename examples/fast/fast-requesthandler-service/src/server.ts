import { serve } from './grpc-server.js';
import { handle } from './handler.js';

await serve({ name: 'requesthandler', port: 50051, handle });
