import { serve } from './grpc-server.js';
import { createHandler } from './handler.js';
import { connect } from './peer.js';

const referenceData = connect('referencedata', 50057);

await serve({ name: 'validation', port: 50052, handle: createHandler(referenceData) });
