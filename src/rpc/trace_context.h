// The header `traceparent` of W3C Trace Context (https://www.w3.org/TR/trace-context/, level 1, section 3.2):
// which trace of its caller's a call belongs to.
#pragma once

#include <string_view>

namespace jammi {

// True: "00-<trace>-<parent>-<flags>" of 32, 16 and 2 lower-case hexadecimal digits, neither trace nor parent
// all zeros; or of a later version, which may add fields at the end.
[[nodiscard]] bool IsTraceParent(std::string_view text);
// The trace of such a text, 32 digits.
[[nodiscard]] inline std::string_view TraceOf(std::string_view trace_parent) {
  return trace_parent.substr(3, 32);
}

}  // namespace jammi
