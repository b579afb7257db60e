// Original file: message.proto

import type { AccountInput as _gpp_g3_AccountInput, Account as _gpp_g3_Account } from '../../gpp/g3/Account.js';
import type { PostingInput as _gpp_g3_PostingInput, Posting as _gpp_g3_Posting } from '../../gpp/g3/Posting.js';
import type { Long } from '@grpc/proto-loader';

export interface PaymentInput {
  'id'?: (string);
  'debtorIban'?: (string);
  'creditorIban'?: (string);
  'amount'?: (string);
  'currency'?: (string);
  'remittance'?: (string);
  'currencyDecimals'?: (number);
  'debtorBic'?: (string);
  'creditorBic'?: (string);
  'amountMinor'?: (number | string | Long);
  'debtor'?: (_gpp_g3_AccountInput | null);
  'creditor'?: (_gpp_g3_AccountInput | null);
  'endToEndId'?: (string);
  'acceptedAt'?: (string);
  'creditAccount'?: (string);
  'posting'?: (_gpp_g3_PostingInput | null);
  'clearingMessage'?: (string);
}

export interface Payment {
  'id': (string);
  'debtorIban': (string);
  'creditorIban': (string);
  'amount': (string);
  'currency': (string);
  'remittance': (string);
  'currencyDecimals': (number);
  'debtorBic': (string);
  'creditorBic': (string);
  'amountMinor': (number);
  'debtor': (_gpp_g3_Account | null);
  'creditor': (_gpp_g3_Account | null);
  'endToEndId': (string);
  'acceptedAt': (string);
  'creditAccount': (string);
  'posting': (_gpp_g3_Posting | null);
  'clearingMessage': (string);
}
