// Original file: message.proto

import type { PaymentInput as _gpp_g3_PaymentInput, Payment as _gpp_g3_Payment } from '../../gpp/g3/Payment.js';
import type { HopInput as _gpp_g3_HopInput, Hop as _gpp_g3_Hop } from '../../gpp/g3/Hop.js';
import type { RefusalInput as _gpp_g3_RefusalInput, Refusal as _gpp_g3_Refusal } from '../../gpp/g3/Refusal.js';

export interface MessageInput {
  'body'?: (string);
  'payment'?: (_gpp_g3_PaymentInput | null);
  'trace'?: (_gpp_g3_HopInput)[];
  'refusal'?: (_gpp_g3_RefusalInput | null);
}

export interface Message {
  'body': (string);
  'payment': (_gpp_g3_Payment | null);
  'trace': (_gpp_g3_Hop)[];
  'refusal': (_gpp_g3_Refusal | null);
}
