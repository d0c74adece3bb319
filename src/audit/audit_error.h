// Errors of the audit log, worded in one place.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "jammi/error.h"

namespace jammi::audit {

[[nodiscard]] inline Error MasterKeyError(std::string_view why) {
  return Error(ErrorCode::kFailedPrecondition, fmt::format("audit master key: {}", why),
               AuditDetail{.fault = AuditFault::kMasterKey, .query_id = {}});
}

[[nodiscard]] inline Error UnknownKey(std::string_view id) {
  return MasterKeyError(fmt::format("key '{}' is not among those that are there", id));
}

[[nodiscard]] inline Error NoTenantBinding(std::string_view what) {
  return Error(ErrorCode::kFailedPrecondition, fmt::format("{} has no tenant", what),
               AuditDetail{.fault = AuditFault::kNoTenantBinding, .query_id = {}});
}

[[nodiscard]] inline Error SignatureMismatch(std::string_view what, std::string query_id) {
  return Error(ErrorCode::kDataLoss, fmt::format("the signature of {} does not match", what),
               AuditDetail{.fault = AuditFault::kSignatureMismatch, .query_id = std::move(query_id)});
}

}  // namespace jammi::audit
