import { serve } from './grpc-server.js';
import { createHandler } from './handler.js';
import { connect } from './peer.js';

const accountLookup = connect('accountlookup', 50056);

await serve({ name: 'enrichment', port: 50053, handle: createHandler(accountLookup) });
