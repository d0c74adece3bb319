// Events in a signed envelope.
//
// The signature is over the written form of the event (Serialise()), so whoever reads the event from any JSON
// text of the same values can verify it. What is signed and how the envelope looks is that of the published
// event sink family.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/clock.h"
#include "jammi/events/event.h"
#include "jammi/events/sink.h"
#include "jammi/result.h"
#include "jammi/secret.h"

namespace jammi::events {

inline constexpr std::string_view kSignedEnvelopeType = "dev.cellos.events.signed_envelope.v1";
inline constexpr std::string_view kSignedEnvelopeSource = "/cellos-supervisor/event-signing";

inline constexpr std::string_view kSigningVariable = "CELLOS_EVENT_SIGNING";
inline constexpr std::string_view kSigningKidVariable = "CELLOS_EVENT_SIGNING_KID";
inline constexpr std::string_view kSigningKeyVariable = "CELLOS_EVENT_SIGNING_KEY_BASE64";

enum class SigningAlgorithm : uint8_t {
  kEd25519,     // RFC 8032
  kHmacSha256,  // RFC 2104
};
[[nodiscard]] std::string_view ToString(SigningAlgorithm algorithm);  // "ed25519", "hmac-sha256"

// A key and the name that verifiers know it by. Copies share the key, whose bytes are wiped with the last of
// them. Thread-safe.
class SigningKey {
 public:
  // `key`: base64url (RFC 4648), with padding or without: the 32 bytes of an Ed25519 seed, or at least one
  // byte for HMAC. `kid` is not empty. Errors: kInvalidArgument with SinkDetail(kConfigError); nothing of the
  // key is in the message.
  [[nodiscard]] static Result<SigningKey> Make(SigningAlgorithm algorithm, std::string kid,
                                               const Secret& key);

  [[nodiscard]] SigningAlgorithm algorithm() const;
  [[nodiscard]] const std::string& kid() const;
  // What verifiers are given, in base64url; empty for HMAC, where they need the key itself.
  [[nodiscard]] std::string PublicKey() const;
  // The signature's bytes: 64 of Ed25519, 32 of HMAC. Errors: kInternal with SinkDetail(kSignError).
  [[nodiscard]] Result<std::string> Sign(std::string_view bytes) const;

 private:
  struct Impl;
  explicit SigningKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

// What the three variables say; nullopt: not set.
struct SigningConfig {
  struct Warning {
    std::string_view variable;
    std::string message;  // nothing of the key is in it
  };
  std::optional<SigningKey> key;  // none: signing is off
  std::vector<Warning> warnings;  // why it is off though it was asked for
};
// `signing`: "off" or blank; "ed25519"; "hmac" or "hmac-sha256"; in any case. Spaces around all three do not
// count. Pure.
[[nodiscard]] SigningConfig ReadSigningConfig(const std::optional<std::string>& signing,
                                              const std::optional<std::string>& kid,
                                              const std::optional<Secret>& key);

struct SignOptions {
  // How long from now on verifiers who look at the time shall take the event; 0: for ever. Written into the
  // event, as the extensions notbefore and notafter, before it is signed; readers of the published family
  // drop extensions and so cannot verify such an event.
  std::chrono::seconds valid_for{0};
  std::shared_ptr<Clock> clock = Clock::System();
};

// The event that carries the signed `event`: its id, time and traceparent are those of `event`, its data is
// the envelope, with a copy of a text `tenantId` at the top of the data, so that subjects are the same.
// `event` is not validated. Errors: kInvalidArgument with SinkDetail(kSignError): it would not survive: an
// integer in its data is beyond 64 bits, so that other readers change its digits, or it is nested so deeply
// that the envelope cannot be read; kInternal with SinkDetail(kSignError).
[[nodiscard]] Result<Event> SignEvent(const Event& event, const SigningKey& key,
                                      const SignOptions& options = {});

// Hands signed events on, and nothing that could not be signed. Thread-safe.
// Errors: kInvalidEvent: the event; kSignError; those of the inner sink.
class SigningSink final : public EventSink {
 public:
  SigningSink(std::shared_ptr<EventSink> inner, SigningKey key, SignOptions options = {});

  // Events from now on are signed with `key`. Give it to the verifiers first.
  void Rotate(SigningKey key);

  [[nodiscard]] Result<void> Emit(const Event& event) override;
  void EmitAsync(const Event& event, Done done) override;
  [[nodiscard]] Result<void> Flush(Deadline deadline) override;
  [[nodiscard]] Result<void> Close(Deadline deadline) override;

 private:
  [[nodiscard]] Result<Event> Signed(const Event& event);

  const std::shared_ptr<EventSink> inner_;
  const SignOptions options_;
  std::mutex mutex_;
  SigningKey key_;  // of mutex_
};

}  // namespace jammi::events
