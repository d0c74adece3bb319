// The subject that a program starts with (SNK-042, SNK-043).
#include <fmt/format.h>

#include "base/text.h"
#include "events/sink_error.h"
#include "jammi/events/admission.h"
#include "jammi/events/settings.h"

namespace jammi::events {
namespace {

constexpr std::string_view kTemplateVariable = "CELLOS_EVENTS_SUBJECT_TEMPLATE";
constexpr std::string_view kTenantVariable = "CELLOS_TENANT_ID";
constexpr std::string_view kSubjectVariable = "CELL_OS_EVENTS_SUBJECT";

const std::string* Find(const Environment& environment, std::string_view name) {
  const auto found = environment.find(std::string(name));
  return found == environment.end() ? nullptr : &found->second;
}

Error Wrong(std::string_view variable, std::string_view what) {
  return SinkError(SinkFault::kConfigError, fmt::format("{}: {}", variable, what));
}

// A tenant as one token of the subject of a whole run.
Result<std::string> TenantToken(std::string_view variable, const std::string& tenant, TenantPolicy policy) {
  if (policy == TenantPolicy::kEncode) return EncodeTenant(tenant);
  if (const auto admitted = AdmitTenant(tenant); !admitted)
    return Wrong(variable, admitted.error().message());
  if (policy == TenantPolicy::kReject && EncodeTenant(tenant) != tenant) {
    return Wrong(variable, "the tenant has characters that the policy 'reject' refuses");
  }
  if (tenant.find(kTenantIdPlaceholder) != std::string::npos) {
    return Wrong(variable, "the tenant holds {tenantId}, which would be taken for a placeholder");
  }
  return tenant;
}

std::string RunId(const Environment& environment, const RunContext& run) {
  if (run.run_id) return *run.run_id;
  const auto* given = Find(environment, "CELLOS_RUN_ID");
  return given != nullptr ? *given : std::string(kDefaultRunId);
}

// What stands for a name in braces; {tenantId} for itself where no run has a tenant to put in.
Result<std::string> ValueOf(std::string_view name, const Environment& environment,
                            const std::optional<RunContext>& run, TenantPolicy policy) {
  if (name == "tenantId") {
    if (!run) return std::string(kTenantIdPlaceholder);
    if (!run->tenant) return std::string(kNoTenantToken);
    return TenantToken(kTemplateVariable, *run->tenant, policy);
  }
  if (name == "run_id") return RunId(environment, run.value_or(RunContext()));
  if (name != "spec_id") {
    return Wrong(kTemplateVariable,
                 fmt::format("{{{}}} is none of {{spec_id}}, {{run_id}} and {{tenantId}}", name));
  }
  if (!run || run->spec_id.empty()) {
    return Wrong(kTemplateVariable, "it has {spec_id}, and no spec id was given");
  }
  return run->spec_id;
}

// One pass: what is put in is not looked at again.
Result<std::string> Fill(std::string_view text, const Environment& environment,
                         const std::optional<RunContext>& run, TenantPolicy policy) {
  std::string filled;
  for (size_t open = text.find('{'); open != std::string_view::npos; open = text.find('{')) {
    const size_t close = text.find('}', open);
    if (close == std::string_view::npos) return Wrong(kTemplateVariable, "a '{' is not closed");
    JAMMI_ASSIGN(const std::string value,
                 ValueOf(text.substr(open + 1, close - open - 1), environment, run, policy));
    filled.append(text.substr(0, open)).append(value);
    text.remove_prefix(close + 1);
  }
  return filled.append(text);
}

// Can events be published to it, whatever their tenants are?
Result<std::string> Checked(std::string_view variable, std::string subject) {
  std::string sample = subject;
  for (size_t at = sample.find(kTenantIdPlaceholder); at != std::string::npos;
       at = sample.find(kTenantIdPlaceholder, at)) {
    sample.replace(at, kTenantIdPlaceholder.size(), kTenantIdDefaultToken);
  }
  if (const auto usable = CheckSubject(sample); !usable) return Wrong(variable, usable.error().message());
  return subject;
}

}  // namespace

Result<std::string> StartupSubject(const Environment& environment, const std::optional<RunContext>& run,
                                   TenantPolicy policy) {
  const auto* shape = Find(environment, kTemplateVariable);
  if (shape != nullptr && !Trim(*shape).empty()) {
    JAMMI_ASSIGN(std::string filled, Fill(*shape, environment, run, policy));
    return Checked(kTemplateVariable, std::move(filled));
  }
  const auto* tenant = Find(environment, kTenantVariable);
  if (tenant != nullptr && !Trim(*tenant).empty()) {
    if (!run || run->spec_id.empty()) {
      return Wrong(kTenantVariable,
                   "makes the subject cellos.events.<tenant>.<spec>.<run>, and no spec id was given");
    }
    JAMMI_ASSIGN(const std::string token, TenantToken(kTenantVariable, std::string(Trim(*tenant)), policy));
    return Checked(kTenantVariable,
                   fmt::format("cellos.events.{}.{}.{}", token, run->spec_id, RunId(environment, *run)));
  }
  const auto* subject = Find(environment, kSubjectVariable);
  return subject != nullptr ? Checked(kSubjectVariable, *subject) : std::string(kDefaultSubject);
}

}  // namespace jammi::events
