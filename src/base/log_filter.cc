#include <algorithm>
#include <string>

#include "base/log_output.h"
#include "base/text.h"

namespace jammi {
Result<LogFilter> ParseLogFilter(std::string_view text) {
  LogFilter filter{.levels = {LogLevel::kInfo, LogLevel::kInfo}};
  std::array<size_t, kLogTargetNames.size()> named{};  // how long the name was that set the level
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const auto directive = Trim(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    const size_t equals = directive.rfind('=');
    const bool has_name = equals != std::string_view::npos;
    const auto name = has_name ? Trim(directive.substr(0, equals)) : std::string_view();
    if (has_name && name.empty()) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("log filter '{}': a target is missing", directive));
    }
    JAMMI_ASSIGN(const LogLevel level,
                 ParseLogLevel(has_name ? Trim(directive.substr(equals + 1)) : directive));
    for (size_t i = 0; i < kLogTargetNames.size(); ++i) {
      if (!kLogTargetNames[i].starts_with(name) || name.size() < named[i]) continue;
      filter.levels[i] = level;
      named[i] = name.size();
    }
  }
  return filter;
}

}  // namespace jammi
