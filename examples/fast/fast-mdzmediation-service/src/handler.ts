import type { Payment } from './generated/gpp/g3/Payment.js';
import { need, type Handler } from './message.js';

export const handle: Handler = (message) => {
  const payment = need(message.payment, 'payment');
  const clearingMessage = toPacs008(payment);
  return {
    message: { ...message, payment: { ...payment, clearingMessage } },
    did: `wrote a pacs.008 message of ${Buffer.byteLength(clearingMessage)} bytes`,
  };
};

/** The payment in the shape of an ISO 20022 customer credit transfer: its main elements, not all. */
export function toPacs008(payment: Payment): string {
  const debtor = need(payment.debtor, 'debtor account');
  const creditor = need(payment.creditor, 'creditor account');
  return `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08">
  <FIToFICstmrCdtTrf>
    <GrpHdr>
      <MsgId>${escape(payment.id)}</MsgId>
      <CreDtTm>${payment.acceptedAt}</CreDtTm>
      <NbOfTxs>1</NbOfTxs>
    </GrpHdr>
    <CdtTrfTxInf>
      <PmtId><EndToEndId>${escape(payment.endToEndId)}</EndToEndId></PmtId>
      <IntrBkSttlmAmt Ccy="${payment.currency}">${payment.amount}</IntrBkSttlmAmt>
      <Dbtr><Nm>${escape(debtor.holder)}</Nm></Dbtr>
      <DbtrAcct><Id><IBAN>${payment.debtorIban}</IBAN></Id></DbtrAcct>
      <DbtrAgt><FinInstnId><BICFI>${payment.debtorBic}</BICFI></FinInstnId></DbtrAgt>
      <CdtrAgt><FinInstnId><BICFI>${payment.creditorBic}</BICFI></FinInstnId></CdtrAgt>
      <Cdtr><Nm>${escape(creditor.holder)}</Nm></Cdtr>
      <CdtrAcct><Id><IBAN>${payment.creditorIban}</IBAN></Id></CdtrAcct>
      <RmtInf><Ustrd>${escape(payment.remittance)}</Ustrd></RmtInf>
    </CdtTrfTxInf>
  </FIToFICstmrCdtTrf>
</Document>
`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
