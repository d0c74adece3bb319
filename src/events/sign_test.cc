// Signing: SNK-110 to 114, cases T85 to T91.
#include "jammi/events/sign.h"

#include <gmock/gmock.h>

#include <set>

#include "events/base64_url.h"
#include "events/golden_support.h"
#include "events/recording_sink.h"
#include "jammi/events/verify.h"

namespace jammi::events {
namespace {

using test::Golden;
using test::GoldenCase;
using test::RecordingSink;
using testing::ElementsAre;
using testing::EndsWith;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kE1 =
    R"({"specversion":"1.0","id":"e1","source":"/cellos/supervisor/h1",)"
    R"("type":"dev.cellos.events.cell.lifecycle.v1.started","time":"2026-01-02T03:04:05Z",)"
    R"("datacontenttype":"application/json",)"
    R"("data":{"correlation":{"tenantId":"acme"},"argv":["[redacted]"],"n":1}})";
constexpr const char* kSeed = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
constexpr const char* kPublicKey = "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg";
constexpr const char* kHmacKey = "dGVzdC1rZXk";

SigningKey Ed25519Key() {
  return SigningKey::Make(SigningAlgorithm::kEd25519, "k-ed-1", Secret(kSeed)).value();
}
SigningKey HmacKey() {
  return SigningKey::Make(SigningAlgorithm::kHmacSha256, "k-hm-1", Secret(kHmacKey)).value();
}
Event EventWith(std::string_view data) {
  return {.id = "e", .source = "s", .type = "t", .payload = JsonData::Parse(data).value()};
}
std::string Envelope(const Event& transport) { return std::get<JsonData>(transport.payload).text(); }
template <class T>
std::optional<SinkFault> SigningFaultOf(const Result<T>& result) {
  if (result) return std::nullopt;
  return result.error().template As<SinkDetail>()->fault;
}

// --- Golden cases

class SigningGolden : public testing::TestWithParam<GoldenCase> {};
INSTANTIATE_TEST_SUITE_P(Cases, SigningGolden, testing::ValuesIn(Golden("signing")), test::CaseName);

// Whether the published family is at fault in writing this event, as canonical.json says.
bool IsWrittenWrongly(const std::string& input) {
  static const std::set<std::string> kFaulty = [] {
    std::set<std::string> inputs;
    for (const auto& golden : Golden("canonical")) {
      if (golden.reference_fault) inputs.insert(golden.Text("input"));
    }
    return inputs;
  }();
  return kFaulty.contains(input);
}

// Ours has a copy of the tenant (SNK-113), at the end of the envelope.
std::string WithTenant(std::string transport, const Event& event) {
  const auto* data = std::get_if<JsonData>(&event.payload);
  const auto tenant = data == nullptr ? std::nullopt : data->StringMember("tenantId");
  const size_t end = transport.find(R"(},"time":)", transport.find(R"("signerKid":)"));
  if (tenant) transport.insert(end, R"(,"tenantId":")" + *tenant + '"');
  return transport;
}

TEST_P(SigningGolden, Agrees) {
  const GoldenCase& golden = GetParam();
  const auto algorithm =
      golden.Text("algorithm") == "ed25519" ? SigningAlgorithm::kEd25519 : SigningAlgorithm::kHmacSha256;
  const auto key = SigningKey::Make(algorithm, golden.Text("kid"), Secret(golden.Text("key")));
  ASSERT_TRUE(key) << key.error().ToString();
  EXPECT_EQ(key->PublicKey(), golden.Has("public_key") ? golden.Text("public_key") : "");
  // What they have signed, whatever it is, is signed alike.
  EXPECT_EQ(ToBase64Url(key->Sign(golden.Text("canonical")).value()), golden.Text("signature"));
  const Event event = ReadEvent(golden.Text("input")).value();
  const auto transport = SignEvent(event, *key);
  if (IsWrittenWrongly(golden.Text("input"))) {
    EXPECT_FALSE(transport && Envelope(*transport).contains(golden.Text("signature")));
    return;
  }
  ASSERT_TRUE(transport) << transport.error().ToString();
  EXPECT_EQ(Serialise(event), golden.Text("canonical"));
  EXPECT_EQ(Serialise(*transport), WithTenant(golden.Text("transport"), event));
}

class SigningConfigGolden : public testing::TestWithParam<GoldenCase> {};
INSTANTIATE_TEST_SUITE_P(Cases, SigningConfigGolden, testing::ValuesIn(Golden("signing_config")),
                         test::CaseName);

TEST_P(SigningConfigGolden, Agrees) {
  const GoldenCase& golden = GetParam();
  const auto& env = golden.members.at("env");
  const auto variable = [&env](std::string_view name) -> std::optional<std::string> {
    const auto found = env.find(std::string(name));
    if (found == env.end()) return std::nullopt;
    return found->get<std::string>();
  };
  std::optional<Secret> key;
  if (auto text = variable(kSigningKeyVariable)) key.emplace(std::move(*text));
  const auto config = ReadSigningConfig(variable(kSigningVariable), variable(kSigningKidVariable), key);
  EXPECT_EQ(config.key ? ToString(config.key->algorithm()) : "off", golden.Text("signing"));
  EXPECT_EQ(config.key ? config.key->kid() : "", golden.Has("kid") ? golden.Text("kid") : "");
  std::vector<std::string> warned;
  for (const auto& warning : config.warnings) warned.emplace_back(warning.variable);
  EXPECT_EQ(warned, golden.members.at("warnings").get<std::vector<std::string>>());
}

// --- The cases of the specification

TEST(Sign, T86Snk110HmacOfAnEvent) {
  const auto transport = SignEvent(ParseEvent(kE1).value(), HmacKey());
  ASSERT_TRUE(transport);
  EXPECT_THAT(Envelope(*transport),
              HasSubstr(R"("signature":"-0AVnOvhYAIzxzaudhgHMSmOGY6EOYgdGrmt1Nj2LkM")"));
}
TEST(Sign, T87Snk110Ed25519OfAnEvent) {
  const auto transport = SignEvent(ParseEvent(kE1).value(), Ed25519Key());
  ASSERT_TRUE(transport);
  EXPECT_THAT(
      Envelope(*transport),
      HasSubstr(
          R"("_vg9hR6ps84qNh9rwrgM_rZYv0MbHM0XayTaUBDe8ifGy_TL-aqi8zfLdKlvAnj0sMa0sejTNRRFZilWvE2ZAw")"));
  EXPECT_EQ(Ed25519Key().PublicKey(), kPublicKey);
  EXPECT_EQ(HmacKey().PublicKey(), "");
}
TEST(Sign, T88bIntegersKeepTheirDigitsOrAreNotSigned) {
  for (const auto* data :
       {R"({"n":9007199254740993})", R"([-9223372036854775808,18446744073709551615,1.5])"}) {
    const auto transport = SignEvent(EventWith(data), HmacKey());
    ASSERT_TRUE(transport) << data;
    EXPECT_THAT(Envelope(*transport), HasSubstr(R"("data":)" + std::string(data)));
  }
  const auto inner = std::make_shared<RecordingSink>();
  SigningSink sink(inner, HmacKey());
  for (const auto* data : {R"({"n":18446744073709551616})", R"([[{"a":"\"","n":-9223372036854775809}]])"}) {
    const auto result = sink.Emit(EventWith(data));
    EXPECT_EQ(SigningFaultOf(result), SinkFault::kSignError);
  }
  EXPECT_THAT(inner->events, IsEmpty());
}
TEST(Sign, T89Snk111KeysThatCannotBeUsed) {
  const auto fault = [](const char* signing, const char* kid, const char* key) {
    const auto config = ReadSigningConfig(signing, kid, Secret(key));
    EXPECT_FALSE(config.key);
    return config.warnings;
  };
  const auto of = [](std::string_view variable) {
    return ElementsAre(Field(&SigningConfig::Warning::variable, variable));
  };
  EXPECT_THAT(fault("ed25519", "k", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg"), of(kSigningKeyVariable));
  EXPECT_THAT(fault("ed25519", " ", kSeed), of(kSigningKidVariable));
  EXPECT_THAT(fault("rsa", "k", kSeed), of(kSigningVariable));
  for (const auto* key : {"dGVzdC1r+Xk", "dGVz dC1r", "dGVzdC1rZXl", "dGVzd", "===="}) {
    const auto warnings = fault("hmac", "k", key);
    EXPECT_THAT(warnings, of(kSigningKeyVariable)) << key;
    EXPECT_THAT(warnings[0].message, Not(HasSubstr(key)));
  }
  EXPECT_THAT(ReadSigningConfig("hmac", std::nullopt, std::nullopt).warnings, testing::SizeIs(2));
}
TEST(Sign, T91Snk113TheTenantIsCopied) {
  const auto tenant_of = [](std::string_view data) {
    const auto transport = SignEvent(EventWith(data), HmacKey());
    return std::get<JsonData>(transport->payload).StringMember("tenantId");
  };
  EXPECT_EQ(tenant_of(R"({"tenantId":"ac\"me"})"), "ac\"me");
  EXPECT_EQ(tenant_of(R"({"tenantId":7})"), std::nullopt);
  EXPECT_EQ(tenant_of(R"({"correlation":{"tenantId":"acme"}})"), std::nullopt);
  EXPECT_EQ(tenant_of(R"(["tenantId"])"), std::nullopt);
}

// --- Beyond them

TEST(Sign, Snk113TheEventAround) {
  Event event = EventWith("1");
  event.time = "2026-01-02T03:04:05Z";
  event.traceparent = "tp";
  event.extensions = {{"comexample", 5}};
  event.subject = "sub";
  const Event transport = SignEvent(event, HmacKey()).value();
  EXPECT_EQ(transport.id, "e");
  EXPECT_EQ(transport.source, "/cellos-supervisor/event-signing");
  EXPECT_EQ(transport.type, "dev.cellos.events.signed_envelope.v1");
  EXPECT_EQ(transport.datacontenttype, "application/json");
  EXPECT_EQ(transport.time, event.time);
  EXPECT_EQ(transport.traceparent, event.traceparent);
  EXPECT_THAT(transport.extensions, IsEmpty());
  EXPECT_THAT(
      Envelope(transport),
      StartsWith(R"({"algorithm":"hmac-sha256","event":{"comexample":5,"data":1,"datacontenttype":null,)"));
  EXPECT_THAT(Envelope(transport), EndsWith(R"(","signerKid":"k-hm-1"})"));
  // What is put together by hand is in the written form.
  EXPECT_EQ(JsonData::Parse(Envelope(transport))->text(), Envelope(transport));
  EXPECT_THAT(Validate(transport), IsEmpty());
}

// An envelope takes three levels of the nesting that a reader allows. Signed without a look at that, such an
// event went out and nobody could read it.
TEST(Sign, WhatCouldNotBeReadAgainIsNotSigned) {
  const auto nested = [](size_t depth) {
    return EventWith(std::string(depth, '[') + std::string(depth, ']'));
  };
  const auto deepest = SignEvent(nested(kMaxNesting - 3), HmacKey());
  ASSERT_TRUE(deepest);
  EXPECT_TRUE(ParseEvent(Serialise(*deepest)));
  const auto refused = SignEvent(nested(kMaxNesting - 2), HmacKey());
  EXPECT_EQ(SigningFaultOf(refused), SinkFault::kSignError);
}

TEST(Sign, TheWindowIsInsideOfWhatIsSigned) {
  const SignOptions options{.valid_for = std::chrono::seconds(60),
                            .clock = std::make_shared<ManualClock>(UnixMicros{1'767'323'045'000'000})};
  const Event transport = SignEvent(EventWith("1"), HmacKey(), options).value();
  EXPECT_THAT(
      Envelope(transport),
      HasSubstr(R"("notafter":"2026-01-02T03:05:05.000000Z","notbefore":"2026-01-02T03:04:05.000000Z")"));
  EXPECT_THAT(
      Envelope(transport),
      HasSubstr(R"("notAfter":"2026-01-02T03:05:05.000000Z","notBefore":"2026-01-02T03:04:05.000000Z")"));
  EXPECT_EQ(JsonData::Parse(Envelope(transport))->text(), Envelope(transport));
}

TEST(Sign, Snk114TheSinkHandsOnSignedEventsAndNothingElse) {
  const auto inner = std::make_shared<RecordingSink>();
  SigningSink sink(inner, HmacKey());
  const Event event = EventWith("1");
  EXPECT_TRUE(sink.Emit(event));
  sink.Rotate(Ed25519Key());
  sink.EmitAsync(event, [](const Result<void>& result) { EXPECT_TRUE(result); });
  EXPECT_THAT(inner->events,
              ElementsAre(SignEvent(event, HmacKey()).value(), SignEvent(event, Ed25519Key()).value()));
  EXPECT_EQ(inner->asynchronous, 1);

  const Event invalid{.id = "", .source = "s", .type = "t"};
  EXPECT_EQ(SigningFaultOf(sink.Emit(invalid)), SinkFault::kInvalidEvent);
  bool told = false;
  sink.EmitAsync(invalid, [&told](const Result<void>& result) { told = !result; });
  EXPECT_TRUE(told);
  EXPECT_EQ(inner->events.size(), 2U);

  inner->error = Error(ErrorCode::kUnavailable, "away");
  const auto failed = sink.Emit(event);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message(), "away");
  EXPECT_TRUE(sink.Flush(Deadline::Never()));
  EXPECT_TRUE(sink.Close(Deadline::Never()));
  EXPECT_EQ(inner->flushes, 1);
  EXPECT_EQ(inner->closes, 1);
}

}  // namespace
}  // namespace jammi::events
