// Original file: validation.proto

import type { MethodDefinition } from '@grpc/proto-loader'
import type { MessageInput as _gpp_g3_MessageInput, Message as _gpp_g3_Message } from '../../../gpp/g3/Message.js';

export interface MessageHandlerDefinition {
  Handle: MethodDefinition<_gpp_g3_MessageInput, _gpp_g3_MessageInput, _gpp_g3_Message, _gpp_g3_Message>
}
