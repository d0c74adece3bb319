// Is a signed event what its signer signed?
//
// Promised: a verified event has, value for value, the content that the key signed. Not promised: that no
// event of a log is missing, that they stand in their order, and anything about the event around the
// envelope.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/clock.h"
#include "jammi/events/event.h"
#include "jammi/events/sign.h"
#include "jammi/events/sink.h"
#include "jammi/result.h"
#include "jammi/secret.h"

namespace jammi::events {

inline constexpr std::string_view kVerifyKeysVariable = "CELLOS_EVENT_VERIFY_KEYS_PATH";
inline constexpr std::string_view kRequireSignedVariable = "CELLOS_EVENT_REQUIRE_SIGNED";

class Ed25519PublicKey;

// The keys that are trusted, by their names, for each algorithm apart: the public key of one is never taken
// as the secret of the other. To rotate, add the new key, sign with it, and drop the old one when nothing
// that it signed is to be verified any more. A value type; reading it is thread-safe.
class VerifyKeys {
 public:
  // `public_key`: 32 bytes in base64url, with padding or without. Errors: kInvalidArgument with
  // SinkDetail(kConfigError): no such text, no point of the curve, a point of small order (for which
  // signatures can be made without a key), or a name that is there already.
  [[nodiscard]] Result<void> AddEd25519(std::string kid, std::string_view public_key);
  // `key`: base64url, at least one byte. Errors: as above.
  [[nodiscard]] Result<void> AddHmac(std::string kid, const Secret& key);

  // A key file: a JSON object of names and public keys of Ed25519. Errors: as above, with the name at fault;
  // not one JSON object, a name twice in whatever spelling, a value that is no string.
  [[nodiscard]] static Result<VerifyKeys> Parse(std::string_view text);
  // The same of a file, at most 1 MiB, which may not be a symbolic link. Errors: Parse()'s; kConfigError with
  // the path: it cannot be read.
  [[nodiscard]] static Result<VerifyKeys> Load(const std::filesystem::path& path);

  [[nodiscard]] std::vector<std::string> Kids(SigningAlgorithm algorithm) const;  // sorted

 private:
  friend class Verifier;
  std::map<std::string, std::shared_ptr<const Ed25519PublicKey>> ed25519_;
  std::map<std::string, SigningKey> hmac_;
};

enum class VerifyFault : uint8_t {
  kNone,              // verified
  kNotSigned,         // no envelope's event
  kBadEnvelope,       // no JSON, a member is missing, twice or of a wrong type, or `event` is no event
  kUnknownAlgorithm,  //
  kBadBase64,         // the signature's text
  kBadLength,         // its bytes
  kUnknownKid,        // for that algorithm
  kBadSignature,      //
  kNotYetValid,       // the signature is right, the time is before its notbefore
  kExpired,           // or after its notafter
};
[[nodiscard]] std::string_view ToString(VerifyFault fault);  // "bad_signature"

struct Verdict {
  VerifyFault fault = VerifyFault::kNone;
  std::string message;  // empty when verified; else a sentence
  // Of a verified envelope only:
  Event event;
  std::string kid;
  SigningAlgorithm algorithm = SigningAlgorithm::kEd25519;
  [[nodiscard]] bool ok() const { return fault == VerifyFault::kNone; }
};

struct VerifyOptions {
  // Whose time an event's notbefore and notafter are compared with; null: they are not looked at, as for an
  // archive.
  std::shared_ptr<Clock> clock = {};
  // CELLOS_EVENT_REQUIRE_SIGNED: Admit() refuses events that are not signed.
  bool require_signed = false;
};

// Thread-safe.
class Verifier {
 public:
  explicit Verifier(VerifyKeys keys, VerifyOptions options = {});

  // Verifies from now on with these keys.
  void Rotate(VerifyKeys keys);

  // An envelope as JSON text. Its notBefore and notAfter, which nobody signed, are not looked at, nor are
  // members that are not known.
  [[nodiscard]] Verdict VerifyEnvelope(std::string_view json) const;
  // An event that carries one.
  [[nodiscard]] Verdict Verify(const Event& event) const;

  // What a reader goes on with: the event inside of a signed one, or a plain one as it is where that is
  // allowed. Errors: kPermissionDenied with SinkDetail(kSignError): the signature does not hold, or there is
  // none and it is required.
  [[nodiscard]] Result<Event> Admit(const Event& event) const;

 private:
  [[nodiscard]] std::shared_ptr<const VerifyKeys> Keys() const;
  [[nodiscard]] VerifyFault CheckSignature(SigningAlgorithm algorithm, const std::string& kid,
                                           std::string_view bytes, std::string_view signature) const;

  const VerifyOptions options_;
  mutable std::mutex mutex_;
  std::shared_ptr<const VerifyKeys> keys_;  // of mutex_
};

// Hands on what Verifier::Admit() gives. Thread-safe. Errors: its, and those of the inner sink.
class VerifyingSink final : public EventSink {
 public:
  VerifyingSink(std::shared_ptr<EventSink> inner, std::shared_ptr<const Verifier> verifier);

  [[nodiscard]] Result<void> Emit(const Event& event) override;
  void EmitAsync(const Event& event, Done done) override;
  [[nodiscard]] Result<void> Flush(Deadline deadline) override;
  [[nodiscard]] Result<void> Close(Deadline deadline) override;

 private:
  const std::shared_ptr<EventSink> inner_;
  const std::shared_ptr<const Verifier> verifier_;
};

}  // namespace jammi::events
