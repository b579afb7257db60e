// Original file: message.proto


export interface RefusalInput {
  'service'?: (string);
  'code'?: (string);
  'reason'?: (string);
}

export interface Refusal {
  'service': (string);
  'code': (string);
  'reason': (string);
}
