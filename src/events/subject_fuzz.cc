// Any bytes as a template and as a tenant: what a sink may publish to is a subject, and no two tenants share
// one under the default policy. Input: a template, a line end, a tenant, a line end, another tenant.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "jammi/events/event.h"
#include "jammi/events/subject.h"
#include "jammi/events/text_redaction.h"

namespace jammi::events {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

std::string_view TakeLine(std::string_view& rest) {
  const size_t end = std::min(rest.find('\n'), rest.size());
  const auto line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

// nullopt: the tenant is no JSON string.
std::optional<Event> EventOf(std::string_view tenant) {
  const nlohmann::json data = {{"tenantId", tenant}};
  const auto text = data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (nlohmann::json::parse(text).at("tenantId") != tenant) return std::nullopt;
  auto parsed = JsonData::Parse(text);
  Require(parsed.has_value());
  return Event{.id = "1", .source = "s", .type = "t", .payload = *std::move(parsed)};
}

void CheckTenants(std::string_view subject_template, std::string_view one, std::string_view two) {
  const bool usable = CheckSubjectTemplate(subject_template).has_value();
  const bool per_tenant = subject_template.find(kTenantIdPlaceholder) != std::string_view::npos;
  std::array<std::optional<std::string>, 2> subjects;
  for (size_t i = 0; i < subjects.size(); ++i) {
    const auto event = EventOf(i == 0 ? one : two);
    if (!event) return;
    Require(per_tenant || ResolveTenantSubject(subject_template, *event) == subject_template);
    for (const auto policy : {TenantPolicy::kEncode, TenantPolicy::kVerbatim, TenantPolicy::kReject}) {
      const auto subject = ResolveSubject(subject_template, *event, policy);
      if (!subject) continue;
      Require(CheckSubject(*subject).has_value());
      if (policy == TenantPolicy::kEncode) subjects.at(i) = *subject;
    }
  }
  if (usable && per_tenant && one != two && subjects[0] && subjects[1]) Require(subjects[0] != subjects[1]);
}

}  // namespace
}  // namespace jammi::events

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace jammi::events;
  std::string_view rest(reinterpret_cast<const char*>(bytes), size);
  const auto subject_template = TakeLine(rest);
  const auto one = TakeLine(rest);
  CheckTenants(subject_template, one, rest);
  Require(EncodeTenant(one) != EncodeTenant(rest) || one == rest);
  // What was cut once holds nothing more that would be.
  const auto cut = RedactUrlCredentials(rest);
  Require(RedactUrlCredentials(cut) == cut);
  return 0;
}
