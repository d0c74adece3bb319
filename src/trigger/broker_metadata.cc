#include "trigger/broker_metadata.h"

#include <fmt/format.h>

#include <charconv>

namespace jammi {
namespace {

constexpr uint64_t kMaxSeconds = 3'153'600'000;

}  // namespace

Result<std::optional<uint64_t>> RetentionSeconds(const std::map<std::string, std::string>& broker_metadata) {
  const auto it = broker_metadata.find("retention_seconds");
  if (it == broker_metadata.end()) return std::optional<uint64_t>();
  const std::string& text = it->second;
  uint64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && end == text.data() + text.size() && seconds <= kMaxSeconds)
    return std::optional(seconds);
  return Error(
      ErrorCode::kInvalidArgument,
      fmt::format("broker metadata: retention_seconds = '{}' is not a number of seconds from 0 to {}", text,
                  kMaxSeconds));
}

}  // namespace jammi
