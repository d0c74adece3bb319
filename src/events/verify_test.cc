// Verifying: SNK-112, SNK-115, cases T88 and T90.
#include "jammi/events/verify.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "events/base64_url.h"
#include "events/ed25519.h"
#include "events/golden_support.h"
#include "events/json_reader.h"
#include "events/recording_sink.h"
#include "support/temp_dir.h"

namespace jammi::events {
namespace {

using test::Golden;
using test::GoldenCase;
using test::RecordingSink;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kVerifiedSeed = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
constexpr const char* kVerifiedPublicKey = "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg";
constexpr const char* kOtherPublicKey = "6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw";
constexpr const char* kVerifiedHmacKey = "dGVzdC1rZXk";

SigningKey VerifiedEd25519Key() {
  return SigningKey::Make(SigningAlgorithm::kEd25519, "ed", Secret(kVerifiedSeed)).value();
}
SigningKey VerifiedHmacKey() {
  return SigningKey::Make(SigningAlgorithm::kHmacSha256, "hm", Secret(kVerifiedHmacKey)).value();
}
VerifyKeys BothKeys() {
  VerifyKeys keys;
  EXPECT_TRUE(keys.AddEd25519("ed", kVerifiedPublicKey));
  EXPECT_TRUE(keys.AddHmac("hm", Secret(kVerifiedHmacKey)));
  return keys;
}
Event VerifiedEvent() {
  return {.id = "e",
          .source = "s",
          .type = "t",
          .payload = JsonData::Parse(R"({"a":{"b":[1,"x"]},"n":0.5})").value()};
}
std::string EnvelopeText(const Event& transport) { return std::get<JsonData>(transport.payload).text(); }
std::string Replaced(std::string text, std::string_view what, std::string_view with) {
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), with);
}

// --- Golden cases

class VerifyGolden : public testing::TestWithParam<GoldenCase> {};
INSTANTIATE_TEST_SUITE_P(Cases, VerifyGolden, testing::ValuesIn(Golden("verify")), test::CaseName);

TEST_P(VerifyGolden, Agrees) {
  const GoldenCase& golden = GetParam();
  VerifyKeys keys;
  for (const auto& [kid, key] : golden.members.at("ed25519_keys").items()) {
    ASSERT_TRUE(keys.AddEd25519(kid, key.get<std::string>()));
  }
  bool refused = false;  // a key of no bytes
  for (const auto& [kid, key] : golden.members.at("hmac_keys").items()) {
    refused = refused || !keys.AddHmac(kid, Secret(key.get<std::string>()));
  }
  const Verdict verdict = Verifier(std::move(keys)).VerifyEnvelope(golden.Text("envelope"));
  const bool theirs = golden.members.at("accepted").get<bool>();
  EXPECT_EQ(verdict.ok(), theirs != golden.reference_fault) << verdict.message;
  EXPECT_EQ(refused, golden.reference_fault && theirs);
  if (!theirs && !golden.reference_fault) {
    EXPECT_EQ(ToString(verdict.fault), golden.Text("error")) << verdict.message;
  }
}

class VerifyKeysFileGolden : public testing::TestWithParam<GoldenCase> {};
INSTANTIATE_TEST_SUITE_P(Cases, VerifyKeysFileGolden, testing::ValuesIn(Golden("verify_keys_file")),
                         test::CaseName);

TEST_P(VerifyKeysFileGolden, Agrees) {
  static const std::map<std::string, std::string> kTexts = {
      {"not_an_object", "no JSON object"}, {"bad_json", "no JSON: "},  {"duplicate_kid", "twice"},
      {"bad_base64", "no base64url text"}, {"bad_length", "32 bytes"}, {"not_a_string", "is no string"}};
  const GoldenCase& golden = GetParam();
  const auto keys = VerifyKeys::Parse(golden.Text("text"));
  if (golden.members.at("accepted").get<bool>() && !golden.reference_fault) {
    ASSERT_TRUE(keys) << keys.error().ToString();
    EXPECT_EQ(keys->Kids(SigningAlgorithm::kEd25519),
              golden.members.at("kids").get<std::vector<std::string>>());
    return;
  }
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().As<SinkDetail>()->fault, SinkFault::kConfigError);
  EXPECT_THAT(keys.error().message(),
              HasSubstr(golden.reference_fault ? "point" : kTexts.at(golden.Text("error"))));
}

// --- The cases of the specification

TEST(Verify, AVerifiedEventIsTheOneThatWasSigned) {
  const Verifier verifier(BothKeys());
  for (const auto& key : {VerifiedEd25519Key(), VerifiedHmacKey()}) {
    Event event = VerifiedEvent();
    event.extensions = {{"comexample", true}};
    event.subject = "sub";
    const Verdict verdict = verifier.Verify(SignEvent(event, key).value());
    ASSERT_TRUE(verdict.ok()) << verdict.message;
    EXPECT_EQ(verdict.event, event);
    EXPECT_EQ(verdict.kid, key.kid());
    EXPECT_EQ(verdict.algorithm, key.algorithm());
  }
}
TEST(Verify, T88AnyChangeIsSeen) {
  const Verifier verifier(BothKeys());
  for (const auto& key : {VerifiedEd25519Key(), VerifiedHmacKey()}) {
    const std::string envelope = EnvelopeText(SignEvent(VerifiedEvent(), key).value());
    for (const auto& [what, with] : std::initializer_list<std::pair<const char*, const char*>>{
             {R"("id":"e")", R"("id":"f")"},
             {R"("source":"s")", R"("source":"r")"},
             {R"("type":"t")", R"("type":"u")"},
             {R"("specversion":"1.0")", R"("specversion":"1.1")"},
             {R"("time":null)", R"("time":"2026-01-02T03:04:05Z")"},
             {R"("traceparent":null)", R"("traceparent":"")"},
             {R"("datacontenttype":null)", R"("datacontenttype":"application/json")"},
             {R"("b":[1)", R"("c":[1)"},
             {R"([1,"x"])", R"(["x",1])"},
             {R"("n":0.5)", R"("n":0.50000000000000011)"},
             {R"("x")", R"("x\u0000")"},
             {R"("data":{)", R"("added":1,"data":{)"},
             {R"("data":{)", R"("subject":"","data":{)"}}) {
      EXPECT_EQ(verifier.VerifyEnvelope(Replaced(envelope, what, with)).fault, VerifyFault::kBadSignature)
          << with;
    }
    // And of every byte: none of these envelopes verifies as another event.
    for (size_t at = 0; at < envelope.size(); ++at) {
      std::string changed = envelope;
      changed[at] = static_cast<char>(changed[at] ^ 1);
      const Verdict verdict = verifier.VerifyEnvelope(changed);
      EXPECT_TRUE(!verdict.ok() || verdict.event == VerifiedEvent()) << changed;
    }
  }
}
TEST(Verify, T88EveryBitOfASignatureCounts) {
  const Verifier verifier(BothKeys());
  for (const auto& key : {VerifiedEd25519Key(), VerifiedHmacKey()}) {
    const std::string envelope = EnvelopeText(SignEvent(VerifiedEvent(), key).value());
    const std::string signature = key.Sign(Serialise(VerifiedEvent())).value();
    for (size_t bit = 0; bit < signature.size() * 8; ++bit) {
      std::string changed = signature;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
      const Verdict verdict =
          verifier.VerifyEnvelope(Replaced(envelope, ToBase64Url(signature), ToBase64Url(changed)));
      ASSERT_EQ(verdict.fault, VerifyFault::kBadSignature) << bit;
    }
  }
}
TEST(Verify, T90SignaturesCanBeRequired) {
  const Event plain = VerifiedEvent();
  const Verifier open(BothKeys());
  const Verifier strict(BothKeys(), {.require_signed = true});
  EXPECT_EQ(open.Admit(plain).value(), plain);
  const auto refused = strict.Admit(plain);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kPermissionDenied);
  EXPECT_EQ(refused.error().As<SinkDetail>()->fault, SinkFault::kSignError);
  const Event transport = SignEvent(plain, VerifiedHmacKey()).value();
  EXPECT_EQ(strict.Admit(transport).value(), plain);
  // A bad signature is no plain event.
  Event forged = transport;
  forged.payload = JsonData::FromWritten(Replaced(EnvelopeText(transport), R"("id":"e")", R"("id":"f")"));
  EXPECT_FALSE(open.Admit(forged));
  Event empty = transport;
  empty.payload = {};
  EXPECT_EQ(strict.Verify(empty).fault, VerifyFault::kNotSigned);
}

// --- Keys

TEST(Verify, KeysAreRotatedByOverlap) {
  const auto old_key = SigningKey::Make(SigningAlgorithm::kHmacSha256, "2025", Secret("b2xk")).value();
  const auto new_key = SigningKey::Make(SigningAlgorithm::kHmacSha256, "2026", Secret("bmV3")).value();
  const Event before = SignEvent(VerifiedEvent(), old_key).value();
  const Event after = SignEvent(VerifiedEvent(), new_key).value();
  VerifyKeys keys;
  ASSERT_TRUE(keys.AddHmac("2025", Secret("b2xk")));
  Verifier verifier(keys);
  EXPECT_TRUE(verifier.Verify(before).ok());
  EXPECT_EQ(verifier.Verify(after).fault, VerifyFault::kUnknownKid);
  ASSERT_TRUE(keys.AddHmac("2026", Secret("bmV3")));
  verifier.Rotate(keys);
  EXPECT_TRUE(verifier.Verify(before).ok());
  EXPECT_TRUE(verifier.Verify(after).ok());
  EXPECT_THAT(keys.Kids(SigningAlgorithm::kHmacSha256), ElementsAre("2025", "2026"));
}

// The public key is public: taken as the secret of an HMAC, it would let everybody sign.
TEST(Verify, Snk115KeysBelongToTheirAlgorithm) {
  VerifyKeys keys;
  ASSERT_TRUE(keys.AddEd25519("k", kVerifiedPublicKey));
  const auto forger =
      SigningKey::Make(SigningAlgorithm::kHmacSha256, "k", Secret(kVerifiedPublicKey)).value();
  EXPECT_EQ(Verifier(keys).Verify(SignEvent(VerifiedEvent(), forger).value()).fault,
            VerifyFault::kUnknownKid);
}
TEST(Verify, Snk115KeysThatAreRefused) {
  VerifyKeys keys;
  EXPECT_FALSE(keys.AddHmac("k", Secret("")));
  EXPECT_FALSE(keys.AddHmac("k", Secret("=")));
  ASSERT_TRUE(keys.AddHmac("k", Secret("AA")));
  EXPECT_FALSE(keys.AddHmac("k", Secret("AQ")));
  ASSERT_TRUE(keys.AddEd25519("k", kVerifiedPublicKey));
  EXPECT_FALSE(keys.AddEd25519("k", kOtherPublicKey));
  EXPECT_THAT(keys.Kids(SigningAlgorithm::kEd25519), ElementsAre("k"));
}
TEST(Verify, W17ANameTwiceInWhateverSpelling) {
  const std::string text =
      std::string(R"({"a":")") + kPublicKey + R"(","\u0061":")" + kOtherPublicKey + "\"}";
  const auto keys = VerifyKeys::Parse(text);
  ASSERT_FALSE(keys);
  EXPECT_THAT(keys.error().message(), HasSubstr("\"a\" is there twice"));
}

// RFC 8032, 5.1.3, and the eight points whose multiples are few.
TEST(Verify, W17PointsOfTheCurve) {
  const auto point = [](std::string_view hex) {
    std::string bytes;
    for (size_t i = 0; i < hex.size(); i += 2) {
      bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    }
    return bytes;
  };
  const std::string zeros(60, '0');
  const std::string efs(60, 'f');
  for (const auto& hex :
       {"01" + zeros + "00", "01" + zeros + "80", "00" + zeros + "00", "00" + zeros + "80", "ec" + efs + "7f",
        "ec" + efs + "ff", std::string("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        std::string("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
        std::string("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        std::string("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa")}) {
    EXPECT_EQ(CheckPoint(point(hex)), PointFault::kSmallOrder) << hex;
  }
  for (const auto& hex : {"ed" + efs + "7f", "ee" + efs + "7f", "ff" + efs + "ff", "02" + zeros + "00"}) {
    EXPECT_EQ(CheckPoint(point(hex)), PointFault::kNotOnCurve) << hex;
  }
  EXPECT_EQ(CheckPoint("short"), PointFault::kNotOnCurve);
  EXPECT_EQ(CheckPoint(*FromBase64Url(kVerifiedPublicKey)), PointFault::kNone);
  EXPECT_EQ(CheckPoint(*FromBase64Url(kOtherPublicKey)), PointFault::kNone);
}

// L added to the second half is the same number in a longer form: RFC 8032 refuses it.
TEST(Verify, Snk115TheScalarOfASignatureIsCanonical) {
  static constexpr std::array<uint8_t, 32> kOrder = {
      0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
      0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
  const std::string envelope = EnvelopeText(SignEvent(VerifiedEvent(), VerifiedEd25519Key()).value());
  std::string signature = VerifiedEd25519Key().Sign(Serialise(VerifiedEvent())).value();
  const std::string good = ToBase64Url(signature);
  int carry = 0;
  for (size_t i = 0; i < kOrder.size(); ++i) {
    const int sum = static_cast<uint8_t>(signature[32 + i]) + kOrder[i] + carry;
    signature[32 + i] = static_cast<char>(sum & 0xff);
    carry = sum >> 8;
  }
  ASSERT_EQ(carry, 0);
  const Verdict verdict =
      Verifier(BothKeys()).VerifyEnvelope(Replaced(envelope, good, ToBase64Url(signature)));
  EXPECT_EQ(verdict.fault, VerifyFault::kBadSignature);
}

TEST(Verify, Snk115AKeyFile) {
  const jammi::test::TempDir dir;
  const auto path = dir.path() / "keys.json";
  std::ofstream(path) << R"({"a":")" << kPublicKey << "=\"}\n";
  const auto keys = VerifyKeys::Load(path);
  ASSERT_TRUE(keys) << keys.error().ToString();
  EXPECT_THAT(keys->Kids(SigningAlgorithm::kEd25519), ElementsAre("a"));

  const auto error_of = [](const std::filesystem::path& file) {
    const auto loaded = VerifyKeys::Load(file);
    if (loaded) return std::string("it was read");
    EXPECT_EQ(loaded.error().As<SinkDetail>()->fault, SinkFault::kConfigError);
    EXPECT_THAT(loaded.error().message(), testing::StartsWith(file.string()));
    return loaded.error().message();
  };
  std::filesystem::create_symlink(path, dir.path() / "link");
  EXPECT_THAT(error_of(dir.path() / "link"), HasSubstr("symbolic link"));
  EXPECT_THAT(error_of(dir.path() / "none"), HasSubstr("No such file"));
  EXPECT_THAT(error_of(dir.path()), HasSubstr("no file"));
  ASSERT_EQ(mkfifo((dir.path() / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(error_of(dir.path() / "pipe"), HasSubstr("no file"));
  std::ofstream(dir.path() / "long") << std::string((1 << 20) + 1, ' ');
  EXPECT_THAT(error_of(dir.path() / "long"), HasSubstr("1 MiB"));
  std::ofstream(dir.path() / "bad") << "[]";
  EXPECT_THAT(error_of(dir.path() / "bad"), HasSubstr("no JSON object"));
}

// --- Envelopes

TEST(Verify, EnvelopesThatAreNone) {
  const Verifier verifier(BothKeys());
  const std::string good = EnvelopeText(SignEvent(VerifiedEvent(), VerifiedHmacKey()).value());
  ASSERT_TRUE(verifier.VerifyEnvelope(good).ok());
  for (const std::string& bad :
       {std::string(), std::string("[]"), std::string("{}"), good + "x", good.substr(0, good.size() - 1),
        Replaced(good, R"("signerKid":"hm")", R"("x":"hm")"),
        Replaced(good, R"("signerKid":"hm")", R"("signerKid":1)"),
        Replaced(good, R"("signerKid":"hm")", R"("signerKid":"hm","signerKid":"hm")"),
        Replaced(good, R"("id":"e")", R"("id":"e","id":"e")"), Replaced(good, R"("id":"e",)", "")}) {
    EXPECT_EQ(verifier.VerifyEnvelope(bad).fault, VerifyFault::kBadEnvelope) << bad;
  }
}
// W25: an attribute that nobody signed passed as verified, because it was dropped before the look.
TEST(Verify, W25AnAddedAttributeIsRefused) {
  const Verifier verifier(BothKeys());
  const std::string good = EnvelopeText(SignEvent(VerifiedEvent(), VerifiedHmacKey()).value());
  EXPECT_EQ(verifier.VerifyEnvelope(Replaced(good, R"("id":"e")", R"("id":"e","admin":true)")).fault,
            VerifyFault::kBadSignature);
  EXPECT_EQ(verifier.VerifyEnvelope(Replaced(good, R"("id":"e")", R"("id":"e","admin":{})")).fault,
            VerifyFault::kBadEnvelope);
}
TEST(Verify, W17TheWindowIsLookedAtWhereThereIsAClock) {
  const auto clock = std::make_shared<ManualClock>(UnixMicros{1'767'323'045'000'000});
  const auto transport =
      SignEvent(VerifiedEvent(), VerifiedHmacKey(), {.valid_for = std::chrono::seconds(60), .clock = clock})
          .value();
  const Verifier live(BothKeys(), {.clock = clock});
  const Verifier archive(BothKeys());
  EXPECT_TRUE(live.Verify(transport).ok());
  clock->Advance(std::chrono::seconds(60));
  EXPECT_TRUE(live.Verify(transport).ok());
  clock->Advance(std::chrono::microseconds(1));
  EXPECT_EQ(live.Verify(transport).fault, VerifyFault::kExpired);
  clock->Advance(std::chrono::minutes(-2));
  EXPECT_EQ(live.Verify(transport).fault, VerifyFault::kNotYetValid);
  EXPECT_TRUE(archive.Verify(transport).ok());
  // Nobody has signed the copies in the envelope, and the event's own cannot be changed.
  std::string envelope = EnvelopeText(transport);
  EXPECT_EQ(live.VerifyEnvelope(Replaced(envelope, R"("notBefore":"2026)", R"("notBefore":"2020)")).fault,
            VerifyFault::kNotYetValid);
  EXPECT_EQ(live.VerifyEnvelope(Replaced(envelope, R"("notbefore":"2026)", R"("notbefore":"2020)")).fault,
            VerifyFault::kBadSignature);
  Event odd = VerifiedEvent();
  odd.extensions["notafter"] = "tomorrow";
  EXPECT_EQ(live.Verify(SignEvent(odd, VerifiedHmacKey()).value()).fault, VerifyFault::kBadEnvelope);
}

TEST(Verify, TheSinkHandsOnWhatIsAdmitted) {
  const auto inner = std::make_shared<RecordingSink>();
  VerifyingSink sink(inner,
                     std::make_shared<const Verifier>(BothKeys(), VerifyOptions{.require_signed = true}));
  const Event transport = SignEvent(VerifiedEvent(), VerifiedHmacKey()).value();
  EXPECT_TRUE(sink.Emit(transport));
  sink.EmitAsync(transport, [](const Result<void>& result) { EXPECT_TRUE(result); });
  EXPECT_FALSE(sink.Emit(VerifiedEvent()));
  bool refused = false;
  sink.EmitAsync(VerifiedEvent(), [&refused](const Result<void>& result) { refused = !result; });
  EXPECT_TRUE(refused);
  EXPECT_THAT(inner->events, ElementsAre(VerifiedEvent(), VerifiedEvent()));
  EXPECT_EQ(inner->asynchronous, 1);
  EXPECT_TRUE(sink.Flush(Deadline::Never()));
  EXPECT_TRUE(sink.Close(Deadline::Never()));
  EXPECT_EQ(inner->flushes, 1);
  EXPECT_EQ(inner->closes, 1);
}

}  // namespace
}  // namespace jammi::events
