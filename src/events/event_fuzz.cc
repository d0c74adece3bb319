// Any bytes as an event: what is read is written in one form that reads as the same, and another reader of
// JSON finds the same values in it.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "jammi/events/event.h"
#include "jammi/events/redact.h"
#include "jammi/events/sign.h"
#include "jammi/events/verify.h"

namespace jammi::events {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckData(std::string_view json) {
  const auto data = JsonData::Parse(json);
  if (!data) return;
  Require(JsonData::Parse(data->text()) == *data);
  const auto theirs = nlohmann::json::parse(json, nullptr, false);
  Require(!theirs.is_discarded());
  const auto ours = nlohmann::json::parse(data->text(), nullptr, false);
  // The one difference: the integer -0 becomes the double -0.0, which compares as equal.
  Require(ours == theirs);
}

void CheckRedaction(const Event& event) {
  const RedactNames names({"a", "argv"});
  const Event redacted = Redact(event, names);
  if (const auto* data = std::get_if<JsonData>(&redacted.payload))
    Require(JsonData::Parse(data->text()) == *data);
  Require(Redact(redacted, names) == redacted);
}

void CheckSigning(const Event& event) {
  static const SigningKey key = SigningKey::Make(SigningAlgorithm::kHmacSha256, "k", Secret("AA")).value();
  static const Verifier verifier = [] {
    VerifyKeys keys;
    Require(keys.AddHmac("k", Secret("AA")).has_value());
    return Verifier(std::move(keys));
  }();
  const auto transport = SignEvent(event, key);
  if (!transport) return;
  const auto received = ParseEvent(Serialise(*transport));
  Require(received.has_value());
  const Verdict verdict = verifier.Verify(*received);
  Require(verdict.ok());
  Require(Serialise(verdict.event) == Serialise(event));
}

void CheckAnEvent(std::string_view json) {
  const auto event = ParseEvent(json);
  const auto read = ReadEvent(json);
  if (!event) {
    Require(!event.error().As<SinkDetail>()->findings.empty());
    return;
  }
  Require(read.has_value() && *read == *event);
  Require(Validate(*event).empty());
  const std::string written = Serialise(*event);
  const auto again = ParseEvent(written);
  Require(again.has_value() && Serialise(*again) == written);
  Require(JsonData::Parse(written)->text() == SerialiseSorted(*event));
  CheckRedaction(*event);
  CheckSigning(*event);
}

}  // namespace
}  // namespace jammi::events

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  jammi::events::CheckData(input);
  jammi::events::CheckAnEvent(input);
  // Most inputs are no event; as the data of one they come further.
  jammi::events::CheckAnEvent(R"({"specversion":"1.0","id":"e","source":"s","type":"t","data":)" +
                              std::string(input) + "}");
  return 0;
}
