// Any bytes as a key file, as an envelope, and as the payload and header of a message.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "jammi/events/content_mode.h"
#include "jammi/events/verify.h"

namespace jammi::events {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckKeyFile(std::string_view text) {
  const auto keys = VerifyKeys::Parse(text);
  if (!keys) Require(keys.error().As<SinkDetail>()->fault == SinkFault::kConfigError);
}

void CheckEnvelope(std::string_view json) {
  static const Verifier verifier = [] {
    VerifyKeys keys;
    Require(keys.AddHmac("k", Secret("AA")).has_value());
    return Verifier(std::move(keys));
  }();
  // Nobody guesses a signature.
  Require(!verifier.VerifyEnvelope(json).ok());
}

void CheckMessage(std::string_view payload, std::string_view header) {
  const auto event = Decode(payload, {{"ce-specversion", "1.0"},
                                      {"ce-id", "e"},
                                      {"ce-source", "s"},
                                      {"ce-type", "t"},
                                      {"ce-datacontenttype", std::string(header)}});
  if (!event) return;
  const EncodedEvent encoded = EncodeBinary(*event);
  const auto again = Decode(encoded.payload, encoded.headers);
  Require(again.has_value() && *again == *event);
}

}  // namespace
}  // namespace jammi::events

// The input: a text, and behind its last line end a header.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t line = input.rfind('\n');
  const std::string_view text = input.substr(0, line);
  jammi::events::CheckKeyFile(text);
  jammi::events::CheckEnvelope(text);
  if (line != std::string_view::npos) jammi::events::CheckMessage(text, input.substr(line + 1));
  return 0;
}
