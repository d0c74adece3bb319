#include "catalog/lease.h"

#include <fmt/format.h>

#include "base/text.h"

namespace jammi {
namespace {

constexpr size_t kMaxHolderBytes = 256;

}  // namespace

Result<int64_t> LeaseMicros(std::chrono::microseconds lease) {
  if (lease >= kMinLease && lease <= kMaxLease) return lease.count();
  return Error(
      ErrorCode::kInvalidArgument,
      fmt::format("lease must be 1 millisecond to 24 hours long, not {} microseconds", lease.count()));
}

Result<void> CheckLeaseHolder(std::string_view holder) {
  if (!holder.empty() && holder.size() <= kMaxHolderBytes && holder.find('\0') == holder.npos &&
      IsValidUtf8(holder)) {
    return {};
  }
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("the holder of a lease must have a name of 1 to {} bytes of UTF-8 without U+0000",
                           kMaxHolderBytes));
}

Result<void> CheckLeaseToken(const LeaseToken& token) {
  JAMMI_TRY(CheckLeaseHolder(token.holder));
  if (token.epoch >= 1) return {};
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("the epoch of a lease is 1 or more, not {}", token.epoch));
}

Error LeaseLost(std::string_view kind, std::string_view name, const LeaseToken& token,
                int64_t current_epoch) {
  return Error(ErrorCode::kFailedPrecondition,
               fmt::format("{} no longer holds the lease of {} {} that it took as epoch {}", token.holder,
                           kind, name, token.epoch),
               LeaseLostDetail{std::string(kind), std::string(name), token.epoch, current_epoch});
}

}  // namespace jammi
