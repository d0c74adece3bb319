// The whole chain: what leaves it, in which order its parts work, and what a start does without a server.
#include "jammi/events/chain.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "base/log.h"
#include "events/fake_clock.h"
#include "events/fake_publisher.h"
#include "events/golden_support.h"
#include "jammi/events/fault.h"
#include "jammi/events/verify.h"
#include "support/temp_dir.h"

namespace jammi::events {
namespace {

namespace fs = std::filesystem;
using test::FakePublisher;
using test::Golden;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr const char* kSeed = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
constexpr const char* kPublic = "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg";
// E1 of the specification with a secret, and a tenant where subjects look for it.
constexpr std::string_view kSecretEvent =
    R"({"specversion":"1.0","id":"e1","source":"/cellos/supervisor/h1","type":"t.started",)"
    R"("time":"2026-01-02T03:04:05Z","datacontenttype":"application/json",)"
    R"("data":{"tenantId":"acme","correlation":{"argv":["hunter2"]},"argv":["--token=hunter2"],"n":1}})";

class Chain : public testing::Test {
 protected:
  Chain() { SetLog(LogLevel::kOff, LogFormat::kText); }
  ~Chain() override { SetLog(LogLevel::kWarning, LogFormat::kText); }

  Connector ToTheFake() {
    return [this](const SinkSettings& settings) {
      server_ = std::make_shared<FakePublisher>();
      if (down_) {
        server_->Answers([] { return Result<PubAck>(SinkError(SinkFault::kUnavailable, "leaf failed")); });
      }
      return JetStreamSink::FromPublisher(server_, settings.subject_template, settings.jetstream, clock_);
    };
  }
  Result<SinkChain> Build(Environment environment) {
    environment.emplace("EVSINK_SUBJECT_TEMPLATE", "e.{tenantId}");
    JAMMI_ASSIGN(auto settings, ReadSinkSettings(environment));
    return BuildSinkChain(std::move(settings), ToTheFake());
  }
  std::vector<std::string> DeadLetters() const {
    std::vector<std::string> contents;
    for (const auto& entry : fs::directory_iterator(directory_.path())) {
      if (entry.path().extension() == ".jsonl") contents.push_back(Contents(entry.path()));
    }
    return contents;
  }
  static std::string Contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] Environment Dlq() const { return {{"CELLOS_DLQ_DIR", directory_.path().string()}}; }

  const ::jammi::test::TempDir directory_;
  bool down_ = false;                      // the server of the next chain refuses everything
  std::shared_ptr<FakePublisher> server_;  // of the last chain that was made
  const std::shared_ptr<test::FakeClock> clock_ = std::make_shared<test::FakeClock>();
};

VerifyKeys Keys() {
  VerifyKeys keys;
  EXPECT_TRUE(keys.AddEd25519("kid", kPublic));
  EXPECT_TRUE(keys.AddHmac("kid", Secret(kSeed)));
  return keys;
}
Environment Signing(const std::string& algorithm) {
  return {{"CELLOS_EVENT_SIGNING", algorithm},
          {"CELLOS_EVENT_SIGNING_KID", "kid"},
          {"CELLOS_EVENT_SIGNING_KEY_BASE64", kSeed}};
}
Environment operator+(Environment a, const Environment& b) {
  a.insert(b.begin(), b.end());
  return a;
}

// --- The golden chains: the order there is Dlq( Sign( Redact( leaf ) ) ), whose faults ours does not have.

class ChainGolden : public Chain, public testing::WithParamInterface<test::GoldenCase> {};
TEST_P(ChainGolden, Snk152) {
  const auto& golden = GetParam();
  auto environment = golden.members.at("env").get<Environment>();
  down_ = golden.members.at("leaf_fails");
  const auto chain = Build(environment + Dlq());
  ASSERT_TRUE(chain) << chain.error().message();
  EXPECT_TRUE(chain->sink->Emit(*ParseEvent(golden.Text("input"))));

  ASSERT_FALSE(server_->calls().empty());
  const FakePublisher::Call leaf = server_->calls().front();
  const bool same_leaf = leaf.payload == golden.Text("leaf") && leaf.subject == golden.Text("tenant_subject");
  const auto spilled = DeadLetters();
  ASSERT_THAT(spilled, SizeIs(golden.members.at("leaf_fails").get<bool>() ? 1 : 0));
  const bool same_spill = spilled.empty() || spilled[0] == golden.Text("dlq_content");
  EXPECT_EQ(same_leaf && same_spill, !golden.reference_fault) << leaf.subject << ' ' << leaf.payload;

  // What the faults are about.
  if (environment.contains("CELLOS_EVENT_SIGNING")) {
    const Verdict verdict = Verifier(Keys()).Verify(*ParseEvent(leaf.payload));
    EXPECT_TRUE(verdict.ok()) << verdict.message;
    EXPECT_EQ(leaf.subject, "e.acme");
  }
  if (environment.contains("CELLOS_REDACT_EVENT_FIELDS")) {
    EXPECT_THAT(leaf.payload, Not(HasSubstr("hunter2")));
    for (const auto& text : spilled) EXPECT_THAT(text, Not(HasSubstr("hunter2")));
  }
}
INSTANTIATE_TEST_SUITE_P(Cases, ChainGolden, testing::ValuesIn(Golden("chain")));

// --- SNK-152

// T105, (a)
TEST_F(Chain, T105Snk152aWhatIsDeliveredVerifiesAndHoldsNoListedValue) {
  for (const auto* algorithm : {"ed25519", "hmac"}) {
    const auto chain =
        Build(Signing(algorithm) + Environment{{"CELLOS_REDACT_EVENT_FIELDS", "argv,event,id"}});
    ASSERT_TRUE(chain);
    ASSERT_TRUE(chain->sink->Emit(*ParseEvent(kSecretEvent)));
    const FakePublisher::Call delivered = server_->calls().back();
    EXPECT_THAT(delivered.payload, Not(HasSubstr("hunter2")));
    const Verdict verdict = Verifier(Keys()).Verify(*ParseEvent(delivered.payload));
    ASSERT_TRUE(verdict.ok()) << verdict.message;
    EXPECT_EQ(std::get<JsonData>(verdict.event.payload).text(),
              R"({"argv":["[redacted]"],"correlation":{"argv":["[redacted]"]},"n":1,"tenantId":"acme"})");
  }
}

// T106, (b)
TEST_F(Chain, T106Snk152bWhatIsSpilledIsTheEnvelopeWithoutListedValues) {
  down_ = true;
  const auto chain = Build(Signing("ed25519") + Environment{{"CELLOS_REDACT_EVENT_FIELDS", "argv"}} + Dlq());
  ASSERT_TRUE(chain);
  ASSERT_TRUE(chain->sink->Emit(*ParseEvent(kSecretEvent)));
  const auto spilled = DeadLetters();
  ASSERT_THAT(spilled, SizeIs(1));
  EXPECT_THAT(spilled[0], Not(HasSubstr("hunter2")));
  const auto event = nlohmann::json::parse(spilled[0]).at("event").dump();
  EXPECT_TRUE(Verifier(Keys()).Verify(*ParseEvent(event)).ok());
  EXPECT_EQ(chain->metrics->spilled.value(), 1u);
}

// T107, (c)
TEST_F(Chain, T107Snk152cReplayDeliversTheBytesOfTheFirstTry) {
  down_ = true;
  const auto chain = Build(Signing("ed25519") + Environment{{"CELLOS_REDACT_EVENT_FIELDS", "argv"}} + Dlq());
  ASSERT_TRUE(chain);
  ASSERT_TRUE(chain->sink->Emit(*ParseEvent(kSecretEvent)));
  const FakePublisher::Call first = server_->calls().front();

  down_ = false;
  const auto settings =
      ReadSinkSettings(Dlq() + Environment{{"EVSINK_SUBJECT_TEMPLATE", "e.{tenantId}"}}).value();
  const auto transport = BuildTransport(settings, ToTheFake());
  ASSERT_TRUE(transport);
  const auto report = Replay(*transport->sink, {.directory = directory_.path()});
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->done.sent, 1u);
  const FakePublisher::Call again = server_->calls().back();
  EXPECT_EQ(again.payload, first.payload);
  EXPECT_EQ(again.subject, first.subject);
  EXPECT_THAT(DeadLetters(), IsEmpty());
}

// T91
TEST_F(Chain, T91ASignedEventHasTheSubjectOfItsTenant) {
  for (const auto& environment : {Environment(), Signing("hmac")}) {
    const auto chain = Build(environment);
    ASSERT_TRUE(chain && chain->sink->Emit(*ParseEvent(kSecretEvent)));
    EXPECT_EQ(server_->calls()[0].subject, "e.acme");
  }
}

// SNK-114, SNK-152: what cannot be signed is not sent, and not spilled either: it is not signed.
TEST_F(Chain, Snk114WhatCannotBeSignedGoesNowhere) {
  const auto chain = Build(Signing("hmac") + Dlq());
  ASSERT_TRUE(chain);
  const auto sent = chain->sink->Emit(*ParseEvent(
      R"({"specversion":"1.0","id":"1","source":"s","type":"t","data":{"n":18446744073709551616}})"));
  ASSERT_FALSE(sent);
  EXPECT_EQ(FaultOf(sent.error()), SinkFault::kSignError);
  EXPECT_THAT(server_->calls(), IsEmpty());
  EXPECT_THAT(DeadLetters(), IsEmpty());
}

// SNK-131, SNK-133, T104
TEST_F(Chain, T104TheMirrorHasTheSameBytesAndNeverDecides) {
  const auto path = directory_ / "mirror";
  const Environment all = Signing("ed25519") + Environment{{"CELLOS_REDACT_EVENT_FIELDS", "argv"}};
  const auto chain = Build(all + Environment{{"CELL_OS_JSONL_EVENTS", path.string()}});
  ASSERT_TRUE(chain);
  ASSERT_TRUE(chain->sink->Emit(*ParseEvent(kSecretEvent)));
  ASSERT_TRUE(chain->sink->Flush(Deadline::After(std::chrono::seconds(30))));
  EXPECT_EQ(Contents(path), server_->calls()[0].payload + "\n");

  const auto broken = Build(Environment{{"CELL_OS_JSONL_EVENTS", "/nowhere/at/all"}});
  ASSERT_TRUE(broken);
  EXPECT_TRUE(broken->sink->Emit(*ParseEvent(kSecretEvent)));
  EXPECT_TRUE(broken->sink->Flush(Deadline::After(std::chrono::seconds(30))));
  EXPECT_EQ(broken->metrics->mirror_errors.value(), 1u);
}

// SNK-133: a mirror also gets what the primary refused.
TEST_F(Chain, Snk133AFailingPrimaryDoesNotStarveTheMirror) {
  down_ = true;
  const auto path = directory_ / "mirror";
  const auto chain = Build(Environment{{"CELL_OS_JSONL_EVENTS", path.string()}});
  ASSERT_TRUE(chain);
  EXPECT_FALSE(chain->sink->Emit(*ParseEvent(kSecretEvent)));
  ASSERT_TRUE(chain->sink->Flush(Deadline::After(std::chrono::seconds(30))));
  EXPECT_THAT(Contents(path), HasSubstr("\"e1\""));
}

// --- A start (4.6)

// Nobody listens there.
constexpr const char* kNoServer = "nats://127.0.0.1:1";

class StartupGolden : public Chain, public testing::WithParamInterface<test::GoldenCase> {};
TEST_P(StartupGolden, Snk055Snk059) {
  auto environment = GetParam().members.at("env").get<Environment>();
  environment.emplace("NATS_URL", kNoServer);
  const auto settings = ReadSinkSettings(environment);
  ASSERT_TRUE(settings) << settings.error().message();
  const auto chain = BuildSinkChain(*settings);
  EXPECT_EQ(chain.has_value(), GetParam().members.at("exit") == 0);
  if (chain) {
    EXPECT_EQ(GetParam().Text("primary"), "noop");
    EXPECT_NE(chain->primary, PrimarySink::kJetStream);
    EXPECT_TRUE(chain->sink->Emit(*ParseEvent(kSecretEvent)));
  }
}
INSTANTIATE_TEST_SUITE_P(Cases, StartupGolden, testing::ValuesIn(Golden("startup")));

SinkFault FaultOfStart(const Environment& environment) {
  const auto chain = BuildSinkChain(*ReadSinkSettings(environment));
  EXPECT_FALSE(chain);
  return chain ? SinkFault::kUnavailable : FaultOf(chain.error());
}

// T61, SNK-055, W11
TEST_F(Chain, T61WithoutAServerEventsAreDiscardedAndCounted) {
  const auto chain = BuildSinkChain(*ReadSinkSettings({{"NATS_URL", "nats://u:hunter2@127.0.0.1:1"}}));
  ASSERT_TRUE(chain);
  EXPECT_EQ(chain->primary, PrimarySink::kFallback);
  ASSERT_THAT(chain->warnings, SizeIs(1));
  EXPECT_EQ(chain->warnings[0].variable, "NATS_URL");
  EXPECT_THAT(chain->warnings[0].message, Not(HasSubstr("hunter2")));
  EXPECT_TRUE(chain->sink->Emit(*ParseEvent(kSecretEvent)));
  EXPECT_EQ(chain->metrics->noop_discarded.value(), 1u);
}

// T62, SNK-056
TEST_F(Chain, T62RequiredAndAwayFailsTheStart) {
  EXPECT_EQ(FaultOfStart({{"NATS_URL", kNoServer}, {"CELL_OS_REQUIRE_JETSTREAM", "1"}}),
            SinkFault::kConnectFailed);
}

// T63, SNK-057
TEST_F(Chain, T63NoopTriesNoConnection) {
  const auto settings = ReadSinkSettings({{"CELL_OS_USE_NOOP_SINK", "1"}});
  const auto chain =
      BuildSinkChain(*settings, [](const SinkSettings&) -> Result<std::unique_ptr<JetStreamSink>> {
        ADD_FAILURE() << "a connection was tried";
        return Error(ErrorCode::kUnavailable, "");
      });
  ASSERT_TRUE(chain);
  EXPECT_EQ(chain->primary, PrimarySink::kNoop);
  EXPECT_THAT(chain->warnings, IsEmpty());
}

// T64, SNK-059: strict lists everything that was recorded.
TEST_F(Chain, T64T89StrictFailsTheStartAndListsEveryWarning) {
  const auto settings = ReadSinkSettings({{"CELL_OS_USE_NOOP_SINK", "0"},
                                          {"CELL_OS_REQUIRE_JETSTREAM", "1"},
                                          {"CELLOS_STRICT_CONFIG", "1"},
                                          {"CELLOS_EVENT_SIGNING", "rsa"},
                                          {"CELLOS_DLQ_DIR", "/nowhere/at/all"}});
  const auto chain = BuildSinkChain(*settings);
  ASSERT_FALSE(chain);
  EXPECT_EQ(FaultOf(chain.error()), SinkFault::kConfigError);
  for (const auto* part : {"CELL_OS_USE_NOOP_SINK: '0' turns it on", "wins over",
                           "\nCELLOS_EVENT_SIGNING: ", "\nCELLOS_DLQ_DIR: "}) {
    EXPECT_THAT(chain.error().message(), HasSubstr(part));
  }
}

// T66: a CA file that is none is said by its path, and never a connection without it.
TEST_F(Chain, T66ACaFileThatIsNoneIsNamed) {
  const auto empty = directory_ / "empty.pem";
  std::ofstream{empty};
  for (const std::string& path : {std::string("/nowhere/ca.pem"), empty.string()}) {
    const auto settings = ReadSinkSettings({{"NATS_CA_FILE", path}, {"CELL_OS_REQUIRE_JETSTREAM", "1"}});
    const auto chain = BuildSinkChain(*settings);
    ASSERT_FALSE(chain);
    EXPECT_EQ(FaultOf(chain.error()), SinkFault::kConfigError);
    EXPECT_THAT(chain.error().message(), HasSubstr(path));
  }
}

// T96, SNK-122
class DlqConfigGolden : public Chain, public testing::WithParamInterface<test::GoldenCase> {};
TEST_P(DlqConfigGolden, T96Snk122) {
  const fs::path directory = directory_ / "dlq";
  fs::create_directory(directory);
  std::ofstream{directory / "file (a plain file)"};
  Environment environment;
  if (GetParam().Has("value")) {
    std::string value = GetParam().Text("value");
    if (value.starts_with("DIR")) value.replace(0, 3, directory.string());
    environment["CELLOS_DLQ_DIR"] = value;
  }
  down_ = true;
  const auto chain = Build(environment);
  ASSERT_TRUE(chain);
  const bool wrapped = chain->sink->Emit(*ParseEvent(kSecretEvent)).has_value();
  EXPECT_EQ(wrapped, GetParam().members.at("wrapped").get<bool>());
  const bool asked = environment.contains("CELLOS_DLQ_DIR") &&
                     environment["CELLOS_DLQ_DIR"].find_first_not_of(' ') != std::string::npos;
  EXPECT_THAT(chain->warnings, SizeIs(asked && !wrapped ? 1 : 0));
}
INSTANTIATE_TEST_SUITE_P(Cases, DlqConfigGolden, testing::ValuesIn(Golden("dlq_config")));

// --- The spool

// W11: without a server at the start nothing is discarded.
TEST_F(Chain, W11WithASpoolEventsWaitForTheServer) {
  down_ = true;
  const Environment environment = {{"EVSINK_SPOOL_DIR", (directory_ / "spool").string()}};
  {
    const auto chain = Build(environment);
    ASSERT_TRUE(chain) << chain.error().message();
    ASSERT_NE(chain->spool, nullptr);
    ASSERT_TRUE(chain->sink->Emit(*ParseEvent(kSecretEvent)));
    EXPECT_EQ(chain->spool->status().events, 1u);
    EXPECT_FALSE(chain->sink->Close(Deadline::Now()));
  }
  down_ = false;
  const auto chain = Build(environment);
  ASSERT_TRUE(chain);
  ASSERT_TRUE(chain->sink->Flush(Deadline::After(std::chrono::seconds(30))));
  EXPECT_EQ(chain->spool->status().events, 0u);
  EXPECT_THAT(server_->calls().back().payload, HasSubstr("hunter2"));
}

TEST_F(Chain, WithASpoolAnAddressThatIsNoneFailsTheStart) {
  EXPECT_EQ(FaultOfStart({{"NATS_URL", "http://x"}, {"EVSINK_SPOOL_DIR", (directory_ / "spool").string()}}),
            SinkFault::kConfigError);
}

}  // namespace
}  // namespace jammi::events
