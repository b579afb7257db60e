// Original file: message.proto


export interface AccountInput {
  'number'?: (string);
  'holder'?: (string);
  'currency'?: (string);
  'segment'?: (string);
  'virtual'?: (boolean);
}

export interface Account {
  'number': (string);
  'holder': (string);
  'currency': (string);
  'segment': (string);
  'virtual': (boolean);
}
