#include "jammi/events/verify.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "events/attribute_rules.h"
#include "events/base64_url.h"
#include "events/crypto.h"
#include "events/ed25519.h"
#include "events/json_reader.h"

namespace jammi::events {
namespace {

Verdict Refused(VerifyFault fault, std::string message) {
  return {.fault = fault, .message = std::move(message)};
}

// --- The envelope

struct Envelope {
  std::string_view event;  // JSON
  std::string kid;
  std::string algorithm;
  std::string signature;
};

class EnvelopeReader {
 public:
  explicit EnvelopeReader(std::string_view json) : reader_(json, kMaxNesting - 1) {}

  // Empty: it was read.
  std::string Read(Envelope& envelope) {
    std::string name;
    if (reader_.EnterObject()) {
      while (fault_.empty() && reader_.NextMember(name)) ReadMember(name, envelope);
    }
    if (fault_.empty() && !reader_.AtEnd())
      fault_ = "is no JSON object: " + reader_.fault().value_or("unknown");
    for (size_t i = 0; fault_.empty() && i < kNames.size(); ++i) {
      if (!seen_[i]) fault_ = "has no " + std::string(kNames[i]);
    }
    return fault_;
  }

 private:
  static constexpr std::array<std::string_view, 4> kNames = {"event", "signerKid", "algorithm", "signature"};

  void ReadMember(const std::string& name, Envelope& envelope) {
    const auto known = static_cast<size_t>(std::ranges::find(kNames, name) - kNames.begin());
    std::string_view ignored;
    bool read = false;
    if (known == kNames.size()) {
      read = reader_.ReadRaw(ignored);
    } else if (std::exchange(seen_[known], true)) {
      fault_ = "has " + name + " twice";
    } else if (known == 0) {
      read = reader_.ReadRaw(envelope.event);
    } else if (reader_.Peek() != '"') {
      fault_ = name + " is no string";
    } else {
      const std::array<std::string*, 3> texts = {&envelope.kid, &envelope.algorithm, &envelope.signature};
      read = reader_.ReadString(*texts[known - 1]);
    }
    static_cast<void>(read);  // the reader keeps its fault, which is looked at in the end
  }

  JsonReader reader_;
  std::array<bool, kNames.size()> seen_{};
  std::string fault_;
};

// --- The window

// A time as SignEvent() writes it, so that such texts compare as the times do.
bool IsUtcMicros(std::string_view text) {
  return IsTimestamp(text) && text.size() == FormatUtc(0).size() && text[10] == 'T' && text.ends_with('Z');
}

// One end of the window; nullptr: the event has none.
const std::string* WindowEnd(const Event& event, const char* name) {
  const auto found = event.extensions.find(name);
  return found == event.extensions.end() ? nullptr : std::get_if<std::string>(&found->second);
}

VerifyFault CheckWindow(const Event& event, UnixMicros now) {
  const std::string at = FormatUtc(now);
  for (const auto* name : {"notbefore", "notafter"}) {
    const bool is_there = event.extensions.contains(name);
    const std::string* const end = WindowEnd(event, name);
    if (is_there && (end == nullptr || !IsUtcMicros(*end))) return VerifyFault::kBadEnvelope;
  }
  if (const auto* from = WindowEnd(event, "notbefore"); from != nullptr && at < *from)
    return VerifyFault::kNotYetValid;
  if (const auto* to = WindowEnd(event, "notafter"); to != nullptr && at > *to) return VerifyFault::kExpired;
  return VerifyFault::kNone;
}

std::string_view WindowMessage(VerifyFault fault) {
  if (fault == VerifyFault::kExpired) return "the time is after the event's notafter";
  if (fault == VerifyFault::kNotYetValid) return "the time is before the event's notbefore";
  return "the event's notbefore or notafter is no time in the form of a signer";
}

}  // namespace

std::string_view ToString(VerifyFault fault) {
  switch (fault) {
    case VerifyFault::kNone:
      return "verified";
    case VerifyFault::kNotSigned:
      return "not_signed";
    case VerifyFault::kBadEnvelope:
      return "bad_envelope";
    case VerifyFault::kUnknownAlgorithm:
      return "unknown_algorithm";
    case VerifyFault::kBadBase64:
      return "bad_base64";
    case VerifyFault::kBadLength:
      return "bad_length";
    case VerifyFault::kUnknownKid:
      return "unknown_kid";
    case VerifyFault::kBadSignature:
      return "bad_signature";
    case VerifyFault::kNotYetValid:
      return "not_yet_valid";
    case VerifyFault::kExpired:
      return "expired";
  }
  return "unknown";
}

// --- Verifier

Verifier::Verifier(VerifyKeys keys, VerifyOptions options)
    : options_(std::move(options)), keys_(std::make_shared<const VerifyKeys>(std::move(keys))) {}

void Verifier::Rotate(VerifyKeys keys) {
  auto fresh = std::make_shared<const VerifyKeys>(std::move(keys));
  const std::lock_guard lock(mutex_);
  keys_ = std::move(fresh);
}

std::shared_ptr<const VerifyKeys> Verifier::Keys() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

// Whether `signature` is that of the key `kid` over `bytes`.
VerifyFault Verifier::CheckSignature(SigningAlgorithm algorithm, const std::string& kid,
                                     std::string_view bytes, std::string_view signature) const {
  const auto keys = Keys();
  if (algorithm == SigningAlgorithm::kEd25519) {
    const auto found = keys->ed25519_.find(kid);
    if (found == keys->ed25519_.end()) return VerifyFault::kUnknownKid;
    if (signature.size() != kEd25519SignatureSize) return VerifyFault::kBadLength;
    return found->second->Verifies(bytes, signature) ? VerifyFault::kNone : VerifyFault::kBadSignature;
  }
  const auto found = keys->hmac_.find(kid);
  if (found == keys->hmac_.end()) return VerifyFault::kUnknownKid;
  if (signature.size() != kHmacSignatureSize) return VerifyFault::kBadLength;
  const auto expected = found->second.Sign(bytes);
  const bool equal = expected && CRYPTO_memcmp(expected->data(), signature.data(), kHmacSignatureSize) == 0;
  return equal ? VerifyFault::kNone : VerifyFault::kBadSignature;
}

Verdict Verifier::VerifyEnvelope(std::string_view json) const {
  Envelope envelope;
  if (const std::string fault = EnvelopeReader(json).Read(envelope); !fault.empty()) {
    return Refused(VerifyFault::kBadEnvelope, "the envelope " + fault);
  }
  // An envelope's text is exact: no other case, and not the short name that settings may use.
  const bool is_ed25519 = envelope.algorithm == ToString(SigningAlgorithm::kEd25519);
  if (!is_ed25519 && envelope.algorithm != ToString(SigningAlgorithm::kHmacSha256)) {
    return Refused(VerifyFault::kUnknownAlgorithm, "the envelope names an unknown algorithm");
  }
  const auto algorithm = is_ed25519 ? SigningAlgorithm::kEd25519 : SigningAlgorithm::kHmacSha256;
  const auto signature = FromBase64Url(envelope.signature);
  if (!signature) return Refused(VerifyFault::kBadBase64, "the signature is no base64url text");
  auto event = ReadEvent(envelope.event);
  if (!event) return Refused(VerifyFault::kBadEnvelope, "in the envelope is an " + event.error().message());
  switch (const auto fault = CheckSignature(algorithm, envelope.kid, Serialise(*event), *signature); fault) {
    case VerifyFault::kNone:
      break;
    case VerifyFault::kUnknownKid:
      return Refused(fault,
                     "no key of the name \"" + envelope.kid + "\" is trusted for " + envelope.algorithm);
    case VerifyFault::kBadLength:
      return Refused(fault, "the signature has not the length of one of " + envelope.algorithm);
    default:
      return Refused(fault, "the event is not what key \"" + envelope.kid + "\" has signed");
  }
  if (options_.clock != nullptr) {
    const VerifyFault window = CheckWindow(*event, options_.clock->Now());
    if (window != VerifyFault::kNone) return Refused(window, std::string(WindowMessage(window)));
  }
  return {.message = {}, .event = std::move(*event), .kid = std::move(envelope.kid), .algorithm = algorithm};
}

Verdict Verifier::Verify(const Event& event) const {
  const auto* data = std::get_if<JsonData>(&event.payload);
  if (event.type != kSignedEnvelopeType || data == nullptr) {
    return Refused(VerifyFault::kNotSigned, "the event is not signed");
  }
  return VerifyEnvelope(data->text());
}

Result<Event> Verifier::Admit(const Event& event) const {
  Verdict verdict = Verify(event);
  if (verdict.ok()) return std::move(verdict.event);
  if (verdict.fault == VerifyFault::kNotSigned && !options_.require_signed) return event;
  return Error(ErrorCode::kPermissionDenied, "event refused: " + verdict.message,
               SinkDetail{.fault = SinkFault::kSignError});
}

// --- VerifyingSink

VerifyingSink::VerifyingSink(std::shared_ptr<EventSink> inner, std::shared_ptr<const Verifier> verifier)
    : inner_(std::move(inner)), verifier_(std::move(verifier)) {}

Result<void> VerifyingSink::Emit(const Event& event) {
  JAMMI_ASSIGN(const Event admitted, verifier_->Admit(event));
  return inner_->Emit(admitted);
}

void VerifyingSink::EmitAsync(const Event& event, Done done) {
  auto admitted = verifier_->Admit(event);
  if (!admitted) return done(std::move(admitted).error());
  inner_->EmitAsync(*admitted, std::move(done));
}

Result<void> VerifyingSink::Flush(Deadline deadline) { return inner_->Flush(deadline); }

Result<void> VerifyingSink::Close(Deadline deadline) { return inner_->Close(deadline); }

}  // namespace jammi::events
