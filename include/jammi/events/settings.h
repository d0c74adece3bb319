// What a chain of sinks is made from: the variables of the event sink family, and options of ours.
// docs/event-sink.md lists them all.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/environment.h"
#include "jammi/events/dead_letter.h"
#include "jammi/events/jetstream_sink.h"
#include "jammi/events/json_lines.h"
#include "jammi/events/redact.h"
#include "jammi/events/sign.h"
#include "jammi/events/spool.h"
#include "jammi/result.h"
#include "jammi/secret.h"

namespace jammi::events {

// The run that a program is for, if it is for one: a supervisor knows it, most programs have none.
struct RunContext {
  std::string spec_id;
  std::optional<std::string> run_id = {};  // absent: CELLOS_RUN_ID, else "run-local-001"
  std::optional<std::string> tenant = {};  // whose run it is; absent: nobody's
};

inline constexpr std::string_view kDefaultSubject = "cellos.events.v1";
inline constexpr std::string_view kDefaultRunId = "run-local-001";

// The subject, or template of subjects, that the variables give a program. The first of these that is set:
//   CELLOS_EVENTS_SUBJECT_TEMPLATE (not blank): {spec_id}, {run_id} and {tenantId} are those of `run`, the
//     last one "_no_tenant_" if it has none;
//   CELLOS_TENANT_ID (not blank): cellos.events.<it>.<spec>.<run>;
//   CELL_OS_EVENTS_SUBJECT, as it is; else kDefaultSubject.
// All in one pass: what was put in is not looked at again. `policy` is for the tenants that are put in: with
// kVerbatim they must be admitted (AdmitTenant()). Without a `run`, {tenantId} stays and becomes the tenant
// of each event, and {spec_id} cannot be filled. Pure. Errors: kConfigError: a name in braces that is none of
// the three, or that nothing is known for; a tenant that is not admitted; a result that is no subject.
[[nodiscard]] Result<std::string> StartupSubject(const Environment& environment,
                                                 const std::optional<RunContext>& run, TenantPolicy policy);

// Something that is set and is not used as it was probably meant. Fatal in strict mode.
struct SinkWarning {
  std::string variable;
  std::string message;  // a sentence that begins with the variable; no secret
  bool operator==(const SinkWarning&) const = default;
};

struct SinkSettings {
  Secret url{"nats://127.0.0.1:4222"};
  std::filesystem::path ca_file = {};  // empty: none
  std::string subject_template = std::string(kDefaultSubject);
  bool require_jetstream = false;
  bool use_noop = false;
  bool strict = false;
  JetStreamSinkOptions jetstream = {};
  RedactNames redact = {};
  std::optional<SigningKey> signing = {};
  std::optional<DeadLetterOptions> dead_letter = {};
  std::optional<SpoolOptions> spool = {};
  std::optional<JsonLinesOptions> mirror = {};
  std::vector<SinkWarning> warnings = {};
};

// An option of ours: `ack_timeout` is the variable EVSINK_ACK_TIMEOUT and the flag --ack-timeout.
struct SinkOption {
  std::string_view name;
  std::string_view value;  // what it takes: "DURATION", "encode|verbatim|reject"
  std::string_view default_text;
  std::string_view meaning;
};
[[nodiscard]] std::span<const SinkOption> SinkOptions();
[[nodiscard]] std::string VariableOf(const SinkOption& option);  // "EVSINK_ACK_TIMEOUT"

// Reads all variables of the family, and the options: `options` (by name) before the environment, the
// environment before the defaults. An EVSINK_ variable that is empty counts as not set.
// Errors: kConfigError: an option that is not known or whose value is none, and StartupSubject()'s; one line
// for each. Everything else that is wrong is a warning, and what it was about is left out.
[[nodiscard]] Result<SinkSettings> ReadSinkSettings(const Environment& environment,
                                                    const std::map<std::string, std::string>& options = {},
                                                    const std::optional<RunContext>& run = {});

}  // namespace jammi::events
