// Original file: message.proto

import type { Long } from '@grpc/proto-loader';

export interface HopInput {
  'service'?: (string);
  'did'?: (string);
  'durationMicros'?: (number | string | Long);
}

export interface Hop {
  'service': (string);
  'did': (string);
  'durationMicros': (number);
}
