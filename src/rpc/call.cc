#include "rpc/call.h"

#include <array>

namespace jammi {

std::string_view ToString(RpcCode code) {
  static constexpr auto kNames = std::to_array<std::string_view>(
      {"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
       "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
       "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"});
  return kNames.at(static_cast<size_t>(code));
}

bool Allows(RpcRole role, RpcAccess access) {
  switch (access) {
    case RpcAccess::kOpen:
    case RpcAccess::kRead:
      return true;
    case RpcAccess::kWrite:
      return role != RpcRole::kReader;
    case RpcAccess::kAdmin:
      return role == RpcRole::kAdmin;
  }
  return false;
}

}  // namespace jammi
