#include "cli/start_option.h"

#include <fmt/format.h>

#include <charconv>

#include "base/time_text.h"

namespace jammi {

Result<ext::v1::Start> ParseStart(std::string_view text) {
  ext::v1::Start start;
  uint64_t offset = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), offset);
  const bool number = error == std::errc() && end == text.data() + text.size();
  if (text == "end") {
    start.mutable_newest();
  } else if (text == "begin" || number) {
    start.set_offset(offset);
  } else if (const auto time = ParseTime(text); time && *time >= 0) {
    start.mutable_time()->set_seconds(*time / 1'000'000);
    start.mutable_time()->set_nanos(static_cast<int32_t>(*time % 1'000'000 * 1000));
  } else {
    return Error(
        ErrorCode::kInvalidArgument,
        fmt::format("'{}' is not begin, end, an offset or a time such as 2026-01-02T03:04:05Z", text));
  }
  return start;
}

}  // namespace jammi
