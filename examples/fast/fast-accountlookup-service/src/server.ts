import { serve } from './grpc-server.js';
import { handle } from './handler.js';

await serve({ name: 'accountlookup', port: 50056, handle });
