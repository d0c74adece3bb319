// What a method answers with in which both sides send messages.
#pragma once

#include <google/protobuf/message_lite.h>

#include "jammi/result.h"
#include "rpc/stream.h"

namespace jammi {

// Take() and TakeEnd() come one at a time, in the order in which the client sent, beside what RpcStream says.
// They may come after Close(), and change nothing then. Neither may wait: the client's next message is read
// when they have returned.
class RpcDialog : public RpcStream {
 public:
  // A message behind the first one. An error ends the call.
  [[nodiscard]] virtual Result<void> Take(const google::protobuf::MessageLite& message) = 0;
  // The client sends no more. It goes on reading, until TryNext() says End.
  [[nodiscard]] virtual Result<void> TakeEnd() = 0;
};

}  // namespace jammi
