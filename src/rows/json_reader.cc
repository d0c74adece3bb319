#include "rows/json_reader.h"

#include <fmt/format.h>

#include "base/text.h"

namespace jammi {

Result<void> JsonReader::Feed(std::string_view bytes) {
  for (size_t end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n')) {
    if (begun_.empty()) {
      JAMMI_TRY(Line(bytes.substr(0, end)));
    } else {
      begun_ += bytes.substr(0, end);
      JAMMI_TRY(Line(std::exchange(begun_, {})));
    }
    bytes.remove_prefix(end + 1);
  }
  begun_ += bytes;
  return {};
}

Result<void> JsonReader::End() {
  if (!begun_.empty()) JAMMI_TRY(Line(std::exchange(begun_, {})));
  if (builder_->rows() > 0) JAMMI_TRY(Cut());
  return {};
}

Result<void> JsonReader::Line(std::string_view line) {
  ++line_;
  if (Trim(line).empty()) return {};
  if (auto appended = builder_->AppendJson(line); !appended)
    return std::move(appended).error().While(fmt::format("line {}", line_));
  return builder_->rows() == rows_per_batch_ ? Cut() : Result<void>();
}

Result<void> JsonReader::Cut() {
  auto batch = builder_->Take();
  if (!batch) return std::move(batch).error().While(fmt::format("line {} or before", line_));
  ready_.push_back(*std::move(batch));
  return {};
}

}  // namespace jammi
