#include "jammi/events/fault.h"

namespace jammi::events {

FaultClass ClassOf(SinkFault fault) {
  switch (fault) {
    case SinkFault::kInvalidEvent:
    case SinkFault::kEventTooLarge:
    case SinkFault::kInvalidSubject:
    case SinkFault::kRejected:
      return FaultClass::kEvent;
    case SinkFault::kAckTimeout:
    case SinkFault::kBadAck:
    case SinkFault::kConnectionLost:
    case SinkFault::kNoStream:
    case SinkFault::kUnavailable:
    case SinkFault::kCircuitOpen:
      return FaultClass::kTransient;
    case SinkFault::kConnectFailed:
    case SinkFault::kTlsError:
    case SinkFault::kAuthFailed:
    case SinkFault::kConfigError:
      return FaultClass::kStart;
    case SinkFault::kSignError:
      return FaultClass::kInternal;
    case SinkFault::kSpillFailed:
    case SinkFault::kSpillFull:
    case SinkFault::kSinkFull:
      return FaultClass::kStorage;
    case SinkFault::kClosed:
      return FaultClass::kUsage;
  }
  return FaultClass::kInternal;
}

SinkFault FaultOf(const Error& error) {
  const auto* const detail = error.As<SinkDetail>();
  return detail == nullptr ? SinkFault::kUnavailable : detail->fault;
}

}  // namespace jammi::events
