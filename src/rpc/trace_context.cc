#include "rpc/trace_context.h"

#include <algorithm>
#include <cstddef>

namespace jammi {
namespace {

constexpr size_t kSize = 55;
constexpr size_t kMaxSize = 256;  // of a later version: it goes to the log

bool IsHex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}
bool IsZero(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c == '0'; });
}
bool IsPrintable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

bool IsTraceParent(std::string_view text) {
  if (text.size() < kSize || text.size() > kMaxSize) return false;
  if (text[2] != '-' || text[35] != '-' || text[52] != '-') return false;
  const auto version = text.substr(0, 2);
  const auto trace = TraceOf(text);
  const auto parent = text.substr(36, 16);
  if (!IsHex(version) || !IsHex(trace) || !IsHex(parent) || !IsHex(text.substr(53, 2))) return false;
  if (version == "ff" || IsZero(trace) || IsZero(parent)) return false;
  if (text.size() == kSize) return true;
  return version != "00" && text[kSize] == '-' && IsPrintable(text.substr(kSize));
}

}  // namespace jammi
