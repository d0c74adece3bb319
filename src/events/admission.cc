#include "jammi/events/admission.h"

#include <algorithm>
#include <array>

#include "events/sink_error.h"

namespace jammi::events {
namespace {

using std::string_view_literals::operator""sv;

// White space of Unicode 15 (the property White_Space), as UTF-8.
constexpr std::array kWhiteSpace = {
    "\t"sv,           "\n"sv,           "\v"sv,
    "\f"sv,           "\r"sv,           " "sv,
    "\xC2\x85"sv,     "\xC2\xA0"sv,     "\xE1\x9A\x80"sv,
    "\xE2\x80\x80"sv, "\xE2\x80\x81"sv, "\xE2\x80\x82"sv,
    "\xE2\x80\x83"sv, "\xE2\x80\x84"sv, "\xE2\x80\x85"sv,
    "\xE2\x80\x86"sv, "\xE2\x80\x87"sv, "\xE2\x80\x88"sv,
    "\xE2\x80\x89"sv, "\xE2\x80\x8A"sv, "\xE2\x80\xA8"sv,
    "\xE2\x80\xA9"sv, "\xE2\x80\xAF"sv, "\xE2\x81\x9F"sv,
    "\xE3\x80\x80"sv,
};

Error Refused(std::string_view why) {
  return SinkError(SinkFault::kInvalidSubject, "the tenant is not admitted: it " + std::string(why));
}

}  // namespace

Result<void> AdmitTenant(std::string_view tenant) {
  if (tenant.empty()) return Refused("is empty");
  for (const char c : {'.', '*', '>'}) {
    if (tenant.find(c) != std::string_view::npos) {
      return Refused(std::string("has a '") + c + "', which means something in a subject");
    }
  }
  const auto has = [&](std::string_view space) { return tenant.find(space) != std::string_view::npos; };
  if (std::ranges::any_of(kWhiteSpace, has)) return Refused("has white space in it");
  return {};
}

}  // namespace jammi::events
