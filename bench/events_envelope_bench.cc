// What the envelope of an event of 1 KB costs: reading, writing, redacting and signing, beside the raw
// signature of the same bytes in the same run.
//
//   events_envelope_bench [seconds per case]
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/measure.h"
#include "jammi/events/event.h"
#include "jammi/events/redact.h"
#include "jammi/events/sign.h"
#include "jammi/events/verify.h"

namespace jammi::bench {
namespace {

using namespace jammi::events;  // what is measured

constexpr int kRounds = 7;
constexpr const char* kKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

// A command's event as a supervisor sends it: 1 KB, with numbers, a path and arguments.
Event MakeEvent() {
  std::string data =
      R"({"argv":["/usr/bin/python3","--token=0123456789abcdef","train.py","--epochs","20"],)"
      R"("cellId":"c-7d1f","correlation":{"externalJobId":"4711","externalRunId":"run-88",)"
      R"("labels":{"branch":"main","team":"search"},"platform":"gh","tenantId":"acme"},)"
      R"("durationSeconds":12.75,"exitCode":0,"path":"/srv/cells/c-7d1f/work","runId":"run-1",)"
      R"("samples":[)";
  for (int i = 0; data.size() < 720; ++i) data += fmt::format("{}{}.{}", i == 0 ? "" : ",", 17 * i, i % 10);
  data += R"(],"specId":"demo","tenantId":"acme","ttlSeconds":60})";
  return {.id = "9b2f6c1e-0000-4000-8000-000000000001",
          .source = "cellos-supervisor",
          .type = "dev.cellos.events.cell.command.v1.completed",
          .datacontenttype = "application/json",
          .time = "2026-01-02T03:04:05.123456789+00:00",
          .payload = Must(JsonData::Parse(data))};
}

struct Case {
  const char* name;
  std::function<size_t()> run;  // what it gives is added up, so that nothing is left out
};

class Discard final : public EventSink {
 public:
  Result<void> Emit(const Event& event) override {
    bytes += event.id.size();
    return {};
  }
  Result<void> Flush(Deadline /*deadline*/) override { return {}; }
  Result<void> Close(Deadline /*deadline*/) override { return {}; }
  size_t bytes = 0;
};

SigningKey KeyOf(SigningAlgorithm algorithm) {
  return Must(SigningKey::Make(algorithm, "kid", Secret(kKey)));
}

// The signature alone, as OpenSSL's documentation shows it.
size_t RawHmac(std::string_view text) {
  static constexpr std::array<uint8_t, 32> kSecret{1, 2, 3};
  std::array<uint8_t, 32> mac{};
  unsigned size = 0;
  HMAC(EVP_sha256(), kSecret.data(), kSecret.size(), reinterpret_cast<const uint8_t*>(text.data()),
       text.size(), mac.data(), &size);
  return mac[0];
}
size_t RawEd25519(EVP_PKEY* key, std::string_view text) {
  std::array<uint8_t, 64> signature{};
  size_t size = signature.size();
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key);
  EVP_DigestSign(context, signature.data(), &size, reinterpret_cast<const uint8_t*>(text.data()),
                 text.size());
  EVP_MD_CTX_free(context);
  return signature[0];
}

std::vector<Case> MakeCases() {
  const auto event = std::make_shared<const Event>(MakeEvent());
  const auto text = std::make_shared<const std::string>(Serialise(*event));
  const RedactNames names({"argv", "path", "reason"});
  const SigningKey hmac = KeyOf(SigningAlgorithm::kHmacSha256);
  const SigningKey ed25519 = KeyOf(SigningAlgorithm::kEd25519);
  const auto chain = [names](const SigningKey& key) {
    return std::make_shared<RedactingSink>(std::make_shared<SigningSink>(std::make_shared<Discard>(), key),
                                           names);
  };
  const auto hmac_chain = chain(hmac);
  const auto ed25519_chain = chain(ed25519);
  std::array<uint8_t, 32> seed{};
  EVP_PKEY* const raw_key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size());
  VerifyKeys keys;
  Must(keys.AddHmac("kid", Secret(kKey)));
  Must(keys.AddEd25519("kid", ed25519.PublicKey()));
  const auto verifier = std::make_shared<const Verifier>(keys);
  const auto hmac_signed = std::make_shared<const Event>(Must(SignEvent(*event, hmac)));
  const auto ed25519_signed = std::make_shared<const Event>(Must(SignEvent(*event, ed25519)));
  return {{"parse", [=] { return Must(ParseEvent(*text)).id.size(); }},
          {"parse, nlohmann", [=] { return nlohmann::json::parse(*text).size(); }},
          {"validate", [=] { return Validate(*event).size(); }},
          {"serialise", [=] { return Serialise(*event).size(); }},
          {"redact, 2 of 3 names there", [=] { return Redact(*event, names).id.size(); }},
          {"raw HMAC", [=] { return RawHmac(*text); }},
          {"sign, HMAC", [=] { return Must(SignEvent(*event, hmac)).id.size(); }},
          {"redact + sign, HMAC, in sinks",
           [=] {
             Must(hmac_chain->Emit(*event));
             return size_t{1};
           }},
          {"raw Ed25519", [=] { return RawEd25519(raw_key, *text); }},
          {"sign, Ed25519", [=] { return Must(SignEvent(*event, ed25519)).id.size(); }},
          {"redact + sign, Ed25519, in sinks",
           [=] {
             Must(ed25519_chain->Emit(*event));
             return size_t{1};
           }},
          {"verify, HMAC", [=] { return verifier->Verify(*hmac_signed).kid.size(); }},
          {"verify, Ed25519", [=] { return verifier->Verify(*ed25519_signed).kid.size(); }}};
}

// Microseconds of processor time per call.
double Measure(const Case& measured, double seconds, size_t& sink) {
  size_t calls = 0;
  const double start = ThreadSeconds();
  double spent = 0;
  while (spent < seconds) {
    for (int i = 0; i < 100; ++i) sink += measured.run();
    calls += 100;
    spent = ThreadSeconds() - start;
  }
  return spent / static_cast<double>(calls) * 1e6;
}

void Run(double seconds) {
  const auto cases = MakeCases();
  std::vector<std::vector<double>> times(cases.size());
  size_t sink = 0;
  for (int round = 0; round < kRounds; ++round) {
    for (size_t i = 0; i < cases.size(); ++i) times[i].push_back(Measure(cases[i], seconds / kRounds, sink));
  }
  fmt::print("an event of {} bytes; microseconds, median (lowest-highest) of {}\n",
             Serialise(MakeEvent()).size(), kRounds);
  for (size_t i = 0; i < cases.size(); ++i) {
    const Spread spread = SpreadOf(times[i]);
    fmt::print("{:34} {:7.2f} ({:.2f}-{:.2f})\n", cases[i].name, spread.median, spread.low, spread.high);
  }
  if (sink == 0) fmt::print("nothing was done\n");
}

}  // namespace
}  // namespace jammi::bench

int main(int argc, char** argv) {
  jammi::bench::Run(argc > 1 ? std::atof(argv[1]) : 0.5);
  return 0;
}
