// Errors on the wire: the one function between them.
#pragma once

#include <string>

#include "jammi/error.h"
#include "rpc/call.h"

namespace jammi {

// Which message the typed detail is (wire.md 3.1).
enum class ErrorFamily : uint8_t {
  kEngine,   // jammi.v1.error.JammiErrorDetail
  kTrigger,  // jammi.v1.error.TriggerErrorDetail
  kAudit,    // jammi.v1.error.AuditErrorDetail
};

struct RpcFailure {
  RpcCode code = RpcCode::kInternal;
  std::string message;  // never empty
  // A jammi.v1.error.RpcStatus, for the trailer grpc-status-details-bin; empty: the error has no detail.
  std::string details;
};

[[nodiscard]] RpcCode ToRpcCode(ErrorCode code);
[[nodiscard]] RpcFailure ToFailure(const Error& error, ErrorFamily family);

}  // namespace jammi
