#include "jammi/events/subject.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/text.h"
#include "events/sink_error.h"
#include "events/written_scan.h"
#include "jammi/events/event.h"

namespace jammi::events {
namespace {

constexpr size_t kMaxToken = 256;
constexpr size_t kMaxSubject = 1024;

// The member `tenantId` at the top of the data, if it is a string.
std::optional<std::string> TenantOf(const Event& event) {
  const auto* const data = std::get_if<JsonData>(&event.payload);
  if (data == nullptr) return std::nullopt;
  WrittenMembers members(data->text());
  for (std::string_view name, value; members.Next(name, value);) {
    if (name != "tenantId") continue;
    const auto json = nlohmann::json::parse(value, nullptr, /*allow_exceptions=*/false);
    if (!json.is_string()) return std::nullopt;
    return json.get<std::string>();
  }
  return std::nullopt;
}

std::string Replace(std::string_view subject_template, std::string_view tenant) {
  std::string subject;
  for (size_t at = 0;;) {
    const size_t found = subject_template.find(kTenantIdPlaceholder, at);
    subject += subject_template.substr(at, found - at);
    if (found == std::string_view::npos) return subject;
    subject += tenant;
    at = found + kTenantIdPlaceholder.size();
  }
}

bool StaysAsItIs(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

// What is wrong with a subject; empty: nothing.
std::string WrongWith(std::string_view subject) {
  if (subject.empty()) return "it is empty";
  if (subject.size() > kMaxSubject) return fmt::format("it has more than {} bytes", kMaxSubject);
  if (subject.front() == '$') return "subjects that begin with '$' are the server's";
  if (!IsValidUtf8(subject)) return "it is not UTF-8";
  for (size_t i = 0; i < subject.size(); ++i) {
    const auto byte = static_cast<unsigned char>(subject[i]);
    const bool c1 = byte == 0xC2 && static_cast<unsigned char>(subject[i + 1]) < 0xA0;  // U+0080 to U+009F
    if (byte <= 0x20 || byte == 0x7F || c1) return "it has white space or a control character";
    if (byte == '*' || byte == '>') return "it has a wildcard";
  }
  for (std::string_view rest = subject;;) {
    const size_t dot = rest.find('.');
    const std::string_view token = rest.substr(0, dot);
    if (token.empty()) return "it has an empty token";
    if (token.size() > kMaxToken) return fmt::format("it has a token of more than {} bytes", kMaxToken);
    if (dot == std::string_view::npos) return {};
    rest.remove_prefix(dot + 1);
  }
}

// As much of a text as a message can bear.
std::string Shown(std::string_view text) {
  return nlohmann::json(text.substr(0, 80)).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string ResolveTenantSubject(std::string_view subject_template, const Event& event) {
  if (subject_template.find(kTenantIdPlaceholder) == std::string_view::npos)
    return std::string(subject_template);
  return Replace(subject_template, TenantOf(event).value_or(std::string(kTenantIdDefaultToken)));
}

Result<TenantPolicy> ParseTenantPolicy(std::string_view text) {
  if (text == "encode") return TenantPolicy::kEncode;
  if (text == "verbatim") return TenantPolicy::kVerbatim;
  if (text == "reject") return TenantPolicy::kReject;
  return SinkError(SinkFault::kConfigError,
                   fmt::format("tenant policy {}: it is none of encode, verbatim, reject", Shown(text)));
}

std::string EncodeTenant(std::string_view tenant) {
  const bool default_token = tenant == kTenantIdDefaultToken || tenant == kNoTenantToken;
  std::string token;
  for (size_t i = 0; i < tenant.size(); ++i) {
    if (StaysAsItIs(tenant[i]) && !(default_token && i == 0)) {
      token += tenant[i];
    } else {
      token += fmt::format("={:02X}", static_cast<unsigned char>(tenant[i]));
    }
  }
  return token;
}

Result<std::string> ResolveSubject(std::string_view subject_template, const Event& event,
                                   TenantPolicy policy) {
  std::string subject(subject_template);
  if (subject_template.find(kTenantIdPlaceholder) != std::string_view::npos) {
    const auto tenant = TenantOf(event);
    if (tenant && tenant->empty())
      return SinkError(SinkFault::kInvalidSubject, "event sink: the event's tenantId is empty");
    std::string token = tenant ? *tenant : std::string(kTenantIdDefaultToken);
    if (tenant && policy != TenantPolicy::kVerbatim) token = EncodeTenant(*tenant);
    if (tenant && policy == TenantPolicy::kReject && token != *tenant) {
      return SinkError(SinkFault::kInvalidSubject,
                       fmt::format("event sink: the tenant {} cannot stand in a subject", Shown(*tenant)));
    }
    subject = Replace(subject_template, token);
  }
  JAMMI_TRY(CheckSubject(subject));
  return subject;
}

Result<void> CheckSubject(std::string_view subject) {
  const std::string wrong = WrongWith(subject);
  if (wrong.empty()) return {};
  return SinkError(SinkFault::kInvalidSubject,
                   fmt::format("event sink: subject {}: {}", Shown(subject), wrong));
}

Result<void> CheckSubjectTemplate(std::string_view subject_template) {
  const std::string sample = Replace(subject_template, "t");
  std::string wrong = WrongWith(sample);
  if (wrong.empty() && sample.find('{') != std::string::npos) wrong = "only {tenantId} may stand in braces";
  if (wrong.empty()) return {};
  return SinkError(SinkFault::kConfigError,
                   fmt::format("event sink: subject template {}: {}", Shown(subject_template), wrong));
}

}  // namespace jammi::events
