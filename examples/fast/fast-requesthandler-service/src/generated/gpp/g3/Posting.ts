// Original file: message.proto

import type { Long } from '@grpc/proto-loader';

export interface PostingInput {
  'debitAccount'?: (string);
  'creditAccount'?: (string);
  'amountMinor'?: (number | string | Long);
  'debitBalanceMinor'?: (number | string | Long);
  'creditBalanceMinor'?: (number | string | Long);
  'repeatedId'?: (boolean);
}

export interface Posting {
  'debitAccount': (string);
  'creditAccount': (string);
  'amountMinor': (number);
  'debitBalanceMinor': (number);
  'creditBalanceMinor': (number);
  'repeatedId': (boolean);
}
