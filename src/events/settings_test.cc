// What the variables of the event sink family, and the options of ours, become.
#include "jammi/events/settings.h"

#include <gmock/gmock.h>

#include <fstream>

#include "events/golden_support.h"
#include "jammi/events/admission.h"

namespace jammi::events {
namespace {

using std::chrono::milliseconds;
using test::Golden;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Environment EnvironmentOf(const nlohmann::json& members) {
  return members.get<std::map<std::string, std::string>>();
}

std::vector<std::string> VariablesOf(const SinkSettings& settings) {
  std::vector<std::string> names;
  for (const SinkWarning& warning : settings.warnings) names.push_back(warning.variable);
  return names;
}

SinkSettings Read(const Environment& environment, const std::map<std::string, std::string>& options = {}) {
  auto settings = ReadSinkSettings(environment, options);
  EXPECT_TRUE(settings) << settings.error().message();
  return settings ? *std::move(settings) : SinkSettings();
}

std::string Refusal(const Environment& environment, const std::map<std::string, std::string>& options = {}) {
  const auto settings = ReadSinkSettings(environment, options);
  if (settings) return "accepted";
  const auto* detail = settings.error().As<SinkDetail>();
  EXPECT_TRUE(detail != nullptr && detail->fault == SinkFault::kConfigError);
  return settings.error().message();
}

// --- SNK-042, SNK-043

class StartupSubjectGolden : public testing::TestWithParam<test::GoldenCase> {
 protected:
  static Result<std::string> Ours(TenantPolicy policy) {
    RunContext run{.spec_id = GetParam().Text("spec_id"), .run_id = GetParam().Text("run_id")};
    if (GetParam().Has("tenant")) run.tenant = GetParam().Text("tenant");
    return StartupSubject(EnvironmentOf(GetParam().members.at("env")), run, policy);
  }
};
TEST_P(StartupSubjectGolden, Snk042) {
  const auto ours = Ours(TenantPolicy::kVerbatim);
  if (GetParam().reference_fault) {
    EXPECT_FALSE(ours) << *ours;
    return;
  }
  ASSERT_TRUE(ours) << ours.error().message();
  EXPECT_EQ(*ours, GetParam().Text("output"));
}
TEST_P(StartupSubjectGolden, Snk044Snk046WhatIsMadeCanBePublishedTo) {
  if (const auto ours = Ours(TenantPolicy::kEncode)) {
    EXPECT_TRUE(CheckSubjectTemplate(*ours)) << *ours;
  }
}
INSTANTIATE_TEST_SUITE_P(Cases, StartupSubjectGolden, testing::ValuesIn(Golden("subject_startup")));

TEST(StartupSubject, Snk044ATenantOfARunIsOneToken) {
  const RunContext run{.spec_id = "demo", .run_id = "r", .tenant = "a.b"};
  const Environment shape = {{"CELLOS_EVENTS_SUBJECT_TEMPLATE", "c.{tenantId}.{spec_id}"}};
  EXPECT_EQ(*StartupSubject(shape, run, TenantPolicy::kEncode), "c.a=2Eb.demo");
  EXPECT_EQ(*StartupSubject({{"CELLOS_TENANT_ID", " a.> "}}, run, TenantPolicy::kEncode),
            "cellos.events.a=2E=3E.demo.r");
  EXPECT_FALSE(StartupSubject(shape, run, TenantPolicy::kReject));
  EXPECT_FALSE(StartupSubject(shape, run, TenantPolicy::kVerbatim));
}

// W08: what was put in is not expanded, by us or by the sink.
TEST(StartupSubject, W08ATenantThatSpellsAPlaceholderStaysText) {
  const RunContext run{.spec_id = "demo", .run_id = "r", .tenant = "{tenantId}"};
  const Environment shape = {{"CELLOS_EVENTS_SUBJECT_TEMPLATE", "c.{tenantId}"}};
  EXPECT_EQ(*StartupSubject(shape, run, TenantPolicy::kEncode), "c.=7BtenantId=7D");
  EXPECT_FALSE(StartupSubject(shape, run, TenantPolicy::kVerbatim));
  const RunContext spec{.spec_id = "{run_id}", .run_id = "r"};
  EXPECT_EQ(*StartupSubject({{"CELLOS_EVENTS_SUBJECT_TEMPLATE", "c.{spec_id}"}}, spec, TenantPolicy::kEncode),
            "c.{run_id}");
}

TEST(StartupSubject, Snk043TheRunIdHasADefault) {
  const RunContext run{.spec_id = "demo"};
  const std::string shape = "c.{run_id}";
  EXPECT_EQ(*StartupSubject({{"CELLOS_EVENTS_SUBJECT_TEMPLATE", shape}}, run, TenantPolicy::kEncode),
            "c.run-local-001");
  EXPECT_EQ(*StartupSubject({{"CELLOS_EVENTS_SUBJECT_TEMPLATE", shape}, {"CELLOS_RUN_ID", "r7"}}, run,
                            TenantPolicy::kEncode),
            "c.r7");
}

TEST(StartupSubject, W08WithoutARunTheTenantIsThatOfEachEvent) {
  const auto subject = [](const Environment& environment) {
    return StartupSubject(environment, std::nullopt, TenantPolicy::kEncode);
  };
  EXPECT_EQ(*subject({{"CELLOS_EVENTS_SUBJECT_TEMPLATE", "a.{tenantId}.b"}}), "a.{tenantId}.b");
  EXPECT_THAT(subject({{"CELLOS_EVENTS_SUBJECT_TEMPLATE", "a.{spec_id}"}}).error().message(),
              HasSubstr("no spec id"));
  EXPECT_THAT(subject({{"CELLOS_TENANT_ID", "acme"}}).error().message(), HasSubstr("no spec id"));
  for (const auto* shape : {"a.{foo}", "a.{tenantid}", "a.{tenantId", "a..b", "a.*", " a", "$JS.x"}) {
    EXPECT_FALSE(subject({{"CELLOS_EVENTS_SUBJECT_TEMPLATE", shape}})) << shape;
  }
}

// --- Admission (SNK-044)

class TenantAdmissionGolden : public testing::TestWithParam<test::GoldenCase> {};
TEST_P(TenantAdmissionGolden, Snk044) {
  const auto ours = AdmitTenant(GetParam().Text("tenant"));
  EXPECT_EQ(ours.has_value(), GetParam().members.at("accepted").get<bool>());
  if (!ours) {
    EXPECT_EQ(ours.error().As<SinkDetail>()->fault, SinkFault::kInvalidSubject);
  }
}
INSTANTIATE_TEST_SUITE_P(Cases, TenantAdmissionGolden, testing::ValuesIn(Golden("tenant_admission")));

// --- Wrappers

class SigningConfigGolden : public testing::TestWithParam<test::GoldenCase> {};
TEST_P(SigningConfigGolden, Snk111) {
  const auto settings = Read(EnvironmentOf(GetParam().members.at("env")));
  EXPECT_EQ(settings.signing ? ToString(settings.signing->algorithm()) : "off", GetParam().Text("signing"));
  if (settings.signing) {
    EXPECT_EQ(settings.signing->kid(), GetParam().Text("kid"));
  }
  EXPECT_EQ(VariablesOf(settings), GetParam().members.at("warnings").get<std::vector<std::string>>());
}
INSTANTIATE_TEST_SUITE_P(Cases, SigningConfigGolden, testing::ValuesIn(Golden("signing_config")));

class RedactionConfigGolden : public testing::TestWithParam<test::GoldenCase> {};
TEST_P(RedactionConfigGolden, Snk103) {
  Environment environment;
  if (GetParam().Has("value")) environment["CELLOS_REDACT_EVENT_FIELDS"] = GetParam().Text("value");
  const auto settings = Read(environment);
  const auto probe = *JsonData::Parse(GetParam().Text("probe"));
  EXPECT_EQ(Redact(probe, settings.redact).value_or(probe).text(), GetParam().Text("output"));
}
INSTANTIATE_TEST_SUITE_P(Cases, RedactionConfigGolden, testing::ValuesIn(Golden("redaction_config")));

// T84
TEST(SinkSettings, T84W14NamesToRedact) {
  const auto named = [](const std::string& text) { return Read({{"CELLOS_REDACT_EVENT_FIELDS", text}}); };
  EXPECT_THAT(named("defaults").redact.names(), ElementsAre("argv", "path", "reason"));
  EXPECT_THAT(named("defaults").warnings, IsEmpty());
  EXPECT_TRUE(named(" , ").redact.empty());
  EXPECT_THAT(VariablesOf(named(" , ")), ElementsAre("CELLOS_REDACT_EVENT_FIELDS"));
  EXPECT_THAT(named("defaults,x").redact.names(), ElementsAre("defaults", "x"));
  EXPECT_THAT(VariablesOf(named("defaults,x")), ElementsAre("CELLOS_REDACT_EVENT_FIELDS"));
  EXPECT_THAT(named("  ").warnings, IsEmpty());
}

// T89
TEST(SinkSettings, T89WhatCannotSignIsSaidWithoutTheKey) {
  const std::string key31 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg";
  for (const Environment& environment :
       {Environment{{"CELLOS_EVENT_SIGNING", "ed25519"},
                    {"CELLOS_EVENT_SIGNING_KID", "k"},
                    {"CELLOS_EVENT_SIGNING_KEY_BASE64", key31}},
        Environment{{"CELLOS_EVENT_SIGNING", "hmac"}, {"CELLOS_EVENT_SIGNING_KEY_BASE64", key31}},
        Environment{{"CELLOS_EVENT_SIGNING", "rsa"},
                    {"CELLOS_EVENT_SIGNING_KID", "k"},
                    {"CELLOS_EVENT_SIGNING_KEY_BASE64", key31}}}) {
    const auto settings = Read(environment);
    EXPECT_FALSE(settings.signing);
    ASSERT_EQ(settings.warnings.size(), 1u);
    EXPECT_THAT(settings.warnings[0].message,
                AllOf(HasSubstr(settings.warnings[0].variable), Not(HasSubstr(key31))));
  }
}

// --- Switches

// T65, SNK-058, W12
TEST(SinkSettings, T65W12AFlagIsOnByBeingThere) {
  for (const auto* variable : {"CELL_OS_REQUIRE_JETSTREAM", "CELL_OS_USE_NOOP_SINK"}) {
    for (const auto* off : {"0", "false", "", " No ", "OFF"}) {
      const auto settings = Read({{variable, off}});
      EXPECT_TRUE(settings.require_jetstream || settings.use_noop) << variable << "=" << off;
      EXPECT_THAT(VariablesOf(settings), ElementsAre(variable)) << off;
    }
    EXPECT_THAT(Read({{variable, "1"}}).warnings, IsEmpty());
  }
}

// T64, SNK-057
TEST(SinkSettings, T64NoopBesideRequireIsAWarning) {
  const auto settings = Read({{"CELL_OS_USE_NOOP_SINK", "1"}, {"CELL_OS_REQUIRE_JETSTREAM", "1"}});
  EXPECT_TRUE(settings.use_noop);
  EXPECT_THAT(VariablesOf(settings), ElementsAre("CELL_OS_USE_NOOP_SINK"));
}

// SNK-058, SNK-059
TEST(SinkSettings, Snk058StrictIsOnForFourWords) {
  for (const auto* on : {"1", "true", " YES ", "On"})
    EXPECT_TRUE(Read({{"CELLOS_STRICT_CONFIG", on}}).strict);
  for (const auto* off : {"0", "", "no"}) {
    EXPECT_FALSE(Read({{"CELLOS_STRICT_CONFIG", off}}).strict);
    EXPECT_THAT(Read({{"CELLOS_STRICT_CONFIG", off}}).warnings, IsEmpty());
  }
  const auto odd = Read({{"CELLOS_STRICT_CONFIG", "2"}});
  EXPECT_FALSE(odd.strict);
  EXPECT_THAT(VariablesOf(odd), ElementsAre("CELLOS_STRICT_CONFIG"));
}

// SNK-056
TEST(SinkSettings, Snk056TheHardenedProfileSetsWhatIsNotSet) {
  const auto hardened = Read({{"CELLOS_DEPLOYMENT_PROFILE", "hardened"}});
  EXPECT_TRUE(hardened.require_jetstream);
  EXPECT_TRUE(hardened.strict);
  EXPECT_FALSE(Read({{"CELLOS_DEPLOYMENT_PROFILE", "hardened"}, {"CELLOS_STRICT_CONFIG", "0"}}).strict);
  EXPECT_FALSE(Read({{"CELLOS_DEPLOYMENT_PROFILE", "portable"}}).require_jetstream);
  EXPECT_THAT(VariablesOf(Read({{"CELLOS_DEPLOYMENT_PROFILE", "hardend"}})),
              ElementsAre("CELLOS_DEPLOYMENT_PROFILE"));
}

// --- Where to

TEST(SinkSettings, Snk054NothingSetIsJetStreamOnThisMachine) {
  const auto settings = Read({});
  EXPECT_EQ(settings.url.Reveal(), "nats://127.0.0.1:4222");
  EXPECT_EQ(settings.subject_template, "cellos.events.v1");
  EXPECT_FALSE(settings.use_noop || settings.require_jetstream || settings.strict);
  EXPECT_FALSE(settings.signing || settings.dead_letter || settings.spool || settings.mirror);
  EXPECT_THAT(settings.warnings, IsEmpty());
}

TEST(SinkSettings, AnEmptyAddressIsAnAddressAndABlankFileIsNone) {
  EXPECT_EQ(Read({{"NATS_URL", ""}}).url.Reveal(), "");
  EXPECT_TRUE(Read({{"NATS_CA_FILE", " "}}).ca_file.empty());
  EXPECT_EQ(Read({{"NATS_CA_FILE", "/ca.pem"}}).ca_file, "/ca.pem");
}

// SNK-122, SNK-131
TEST(SinkSettings, Snk122Snk131FilesAreThereWhenTheyAreNamed) {
  EXPECT_EQ(Read({{"CELLOS_DLQ_DIR", " /dlq "}}).dead_letter->directory, "/dlq");
  EXPECT_FALSE(Read({{"CELLOS_DLQ_DIR", "  "}}).dead_letter);
  EXPECT_EQ(Read({{"CELL_OS_JSONL_EVENTS", "/m.jsonl"}}).mirror->path, "/m.jsonl");
  const auto empty = Read({{"CELL_OS_JSONL_EVENTS", ""}});
  EXPECT_FALSE(empty.mirror);
  EXPECT_THAT(VariablesOf(empty), ElementsAre("CELL_OS_JSONL_EVENTS"));
}

// T50
TEST(SinkSettings, T50ASubjectThatNobodyCanPublishToFailsTheStart) {
  for (const auto* subject : {"", "a..b", "a.*", "a b", "{foo}", "$JS.x"}) {
    EXPECT_NE(Refusal({{"CELL_OS_EVENTS_SUBJECT", subject}}), "accepted") << subject;
  }
  EXPECT_EQ(Read({{"CELL_OS_EVENTS_SUBJECT", "e.{tenantId}"}}).subject_template, "e.{tenantId}");
}

// --- Options of ours

TEST(SinkOptions, FlagsAreBeforeTheEnvironmentAndThatBeforeTheDefault) {
  EXPECT_EQ(Read({}).jetstream.ack_timeout, milliseconds(5000));
  const Environment environment = {{"EVSINK_ACK_TIMEOUT", "2s"}};
  EXPECT_EQ(Read(environment).jetstream.ack_timeout, milliseconds(2000));
  EXPECT_EQ(Read(environment, {{"ack_timeout", "750ms"}}).jetstream.ack_timeout, milliseconds(750));
  EXPECT_EQ(Read({{"EVSINK_ACK_TIMEOUT", ""}}).jetstream.ack_timeout, milliseconds(5000));
  EXPECT_EQ(Read({{"CELL_OS_EVENTS_SUBJECT", "a"}}, {{"subject_template", "b.{tenantId}"}}).subject_template,
            "b.{tenantId}");
}

TEST(SinkOptions, WhatIsWrongIsNamedAllOfIt) {
  EXPECT_EQ(Refusal({{"EVSINK_ACK_TIMEOUT", "5"}, {"EVSINK_PUBLISH_ATTEMPTS", "0"}}),
            "EVSINK_ACK_TIMEOUT: '5': expected a duration such as \"250ms\", \"5s\" or \"2m\"\n"
            "EVSINK_PUBLISH_ATTEMPTS: '0': must be 1 to 4294967295");
  EXPECT_EQ(Refusal({}, {{"tenant_policy", "encod"}}),
            "option tenant_policy: 'encod': expected one of: encode, verbatim, reject; did you mean encode?");
}

TEST(SinkOptions, ANameThatNobodyReadsIsRefused) {
  EXPECT_EQ(Refusal({{"EVSINK_ACK_TIMOUT", "5s"}}),
            "EVSINK_ACK_TIMOUT is not known; did you mean EVSINK_ACK_TIMEOUT?");
  EXPECT_EQ(Refusal({}, {{"ack-timeout", "5s"}}),
            "option ack-timeout is not known; did you mean ack_timeout?");
}

// Every option does what its text says: the default changes nothing, and something else is taken or refused.
TEST(SinkOptions, EveryOptionIsReadAndItsDefaultIsTheDefault) {
  for (const SinkOption& option : SinkOptions()) {
    const std::string name(option.name);
    if (name != "start" && !option.default_text.empty()) {
      EXPECT_TRUE(ReadSinkSettings({{VariableOf(option), std::string(option.default_text)}})) << name;
    }
    if (option.value == "DURATION" || option.value == "SIZE" || option.value == "N" ||
        option.value.find('|') != std::string_view::npos) {
      EXPECT_THAT(Refusal({{VariableOf(option), "nonsense"}}), HasSubstr(VariableOf(option))) << name;
    }
  }
  const auto defaults = Read({});
  Environment all;
  for (const SinkOption& option : SinkOptions()) {
    if (option.name != "start") all[VariableOf(option)] = option.default_text;
  }
  const auto same = Read(all);
  EXPECT_EQ(same.jetstream.connect_timeout, defaults.jetstream.connect_timeout);
  EXPECT_EQ(same.jetstream.ack_timeout, defaults.jetstream.ack_timeout);
  EXPECT_EQ(same.jetstream.emit_deadline, defaults.jetstream.emit_deadline);
  EXPECT_EQ(same.jetstream.publish_attempts, defaults.jetstream.publish_attempts);
  EXPECT_EQ(same.jetstream.max_event_bytes, defaults.jetstream.max_event_bytes);
  EXPECT_EQ(same.jetstream.max_in_flight, defaults.jetstream.max_in_flight);
  EXPECT_EQ(same.jetstream.backoff_base, defaults.jetstream.backoff_base);
  EXPECT_EQ(same.jetstream.backoff_cap, defaults.jetstream.backoff_cap);
  EXPECT_EQ(same.jetstream.tenant_policy, defaults.jetstream.tenant_policy);
  EXPECT_EQ(same.jetstream.content_mode, defaults.jetstream.content_mode);

  all["EVSINK_SPOOL_DIR"] = "/spool";
  all["CELLOS_DLQ_DIR"] = "/dlq";
  all["CELL_OS_JSONL_EVENTS"] = "/mirror";
  const auto files = Read(all);
  EXPECT_EQ(files.dead_letter->max_files, DeadLetterOptions().max_files);
  EXPECT_EQ(files.dead_letter->max_bytes, DeadLetterOptions().max_bytes);
  EXPECT_EQ(files.dead_letter->min_free_bytes, DeadLetterOptions().min_free_bytes);
  EXPECT_EQ(files.dead_letter->spill_invalid, DeadLetterOptions().spill_invalid);
  EXPECT_EQ(files.mirror->sync, JsonLinesOptions().sync);
  EXPECT_EQ(files.spool->sync, SpoolOptions().sync);
  EXPECT_EQ(files.spool->sync_interval, SpoolOptions().sync_interval);
  EXPECT_EQ(files.spool->segment_bytes, SpoolOptions().segment_bytes);
  EXPECT_EQ(files.spool->max_bytes, SpoolOptions().max_bytes);
  EXPECT_EQ(files.spool->policy, SpoolOptions().policy);
  EXPECT_EQ(files.spool->block_for, SpoolOptions().block_for);
  EXPECT_EQ(files.spool->window, SpoolOptions().window);
}

// The table in docs/event-sink.md is this one.
TEST(SinkOptions, TheDocumentHasARowForEach) {
  std::ifstream file(JAMMI_DOCS "/event-sink.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  for (const SinkOption& option : SinkOptions()) {
    std::string value(option.value);
    for (size_t at = value.find('|'); at != std::string::npos; at = value.find('|', at + 2)) {
      value.insert(at, 1, '\\');
    }
    const auto row = "| `" + VariableOf(option) + "` | " + value + " | " +
                     (option.default_text.empty() ? "not set" : std::string(option.default_text)) + " | " +
                     std::string(option.meaning) + " |\n";
    EXPECT_THAT(page, HasSubstr(row));
  }
}

TEST(SinkOptions, ASpoolBeginsInTheBackgroundAndNeverDiscards) {
  EXPECT_EQ(Read({{"EVSINK_SPOOL_DIR", "/spool"}}).jetstream.start, SinkStart::kInBackground);
  EXPECT_EQ(Read({}).jetstream.start, SinkStart::kFail);
  EXPECT_THAT(Refusal({{"EVSINK_SPOOL_DIR", "/spool"}, {"EVSINK_START", "fallback"}}),
              HasSubstr("start=fallback discards events"));
}

}  // namespace
}  // namespace jammi::events
