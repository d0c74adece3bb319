// The subject that an event is published to: a template, and the tenant of the event.
#pragma once

#include <string>
#include <string_view>

#include "jammi/result.h"

namespace jammi::events {

struct Event;

inline constexpr std::string_view kTenantIdPlaceholder = "{tenantId}";
// What stands for the tenant of an event that has none.
inline constexpr std::string_view kTenantIdDefaultToken = "single";
// The same where a template is made for a whole run.
inline constexpr std::string_view kNoTenantToken = "_no_tenant_";

// Puts the event's tenant in place of every {tenantId} of the template: the string `tenantId` at the top of
// its JSON data, as it is, else "single". What it puts in is not looked at again. Pure; the result need not
// be a subject that can be published to (CheckSubject()).
[[nodiscard]] std::string ResolveTenantSubject(std::string_view subject_template, const Event& event);

// How a sink puts a tenant into a subject.
enum class TenantPolicy : uint8_t {
  kEncode,    // EncodeTenant(): one to one, so two tenants never share a subject
  kVerbatim,  // as ResolveTenantSubject() does
  kReject,    // only tenants that EncodeTenant() would leave as they are
};
// "encode", "verbatim", "reject". Errors: kConfigError.
[[nodiscard]] Result<TenantPolicy> ParseTenantPolicy(std::string_view text);

// One token of a subject: A-Z, a-z, 0-9, '_' and '-' stay, every other byte is '=' and two upper-case hex
// digits. A tenant that is spelled like a default token has its first byte encoded too.
[[nodiscard]] std::string EncodeTenant(std::string_view tenant);

// The subject of an event under a policy. Errors: kInvalidSubject: an empty tenant, one that the policy
// refuses, or a result that CheckSubject() refuses.
[[nodiscard]] Result<std::string> ResolveSubject(std::string_view subject_template, const Event& event,
                                                 TenantPolicy policy);

// Can one publish to it? Tokens with '.' between them, none of them empty, at most 256 bytes each and 1024 in
// all; valid UTF-8 without control characters, white space of ASCII, '*' and '>'; not starting with '$'.
// Errors: kInvalidSubject, with the reason.
[[nodiscard]] Result<void> CheckSubject(std::string_view subject);

// Can events be published to what it resolves to? The same for a template, in which only {tenantId} may stand
// in braces. Errors: kConfigError.
[[nodiscard]] Result<void> CheckSubjectTemplate(std::string_view subject_template);

}  // namespace jammi::events
