#include "events/sink_error.h"

#include <utility>

namespace jammi::events {
namespace {

ErrorCode CodeOf(SinkFault fault) {
  switch (fault) {
    case SinkFault::kInvalidEvent:
    case SinkFault::kEventTooLarge:
    case SinkFault::kInvalidSubject:
    case SinkFault::kConfigError:
    case SinkFault::kSignError:
      return ErrorCode::kInvalidArgument;
    case SinkFault::kRejected:
      return ErrorCode::kFailedPrecondition;
    case SinkFault::kAckTimeout:
    case SinkFault::kBadAck:
    case SinkFault::kConnectionLost:
      return ErrorCode::kOutcomeUnknown;
    case SinkFault::kAuthFailed:
      return ErrorCode::kPermissionDenied;
    case SinkFault::kSpillFull:
    case SinkFault::kSinkFull:
      return ErrorCode::kResourceExhausted;
    case SinkFault::kClosed:
      return ErrorCode::kInvalidState;
    case SinkFault::kNoStream:
    case SinkFault::kUnavailable:
    case SinkFault::kCircuitOpen:
    case SinkFault::kConnectFailed:
    case SinkFault::kTlsError:
    case SinkFault::kSpillFailed:
      return ErrorCode::kUnavailable;
  }
  return ErrorCode::kInternal;
}

}  // namespace

Error SinkError(SinkFault fault, std::string message) {
  return Error(CodeOf(fault), std::move(message), SinkDetail{.fault = fault});
}

}  // namespace jammi::events
