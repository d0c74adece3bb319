#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>

#include "base/text.h"
#include "events/base64_url.h"
#include "events/crypto.h"
#include "events/sink_error.h"
#include "jammi/events/sign.h"

namespace jammi::events {
namespace {

constexpr size_t kSeedSize = 32;
using PrivateKey = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Mac = std::unique_ptr<EVP_MAC_CTX, Freer<EVP_MAC_CTX_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;

Error RefusedByOpenSsl(std::string_view what) {
  return Error(ErrorCode::kInternal, "OpenSSL has refused " + std::string(what),
               SinkDetail{.fault = SinkFault::kSignError});
}

// Bytes of a key, wiped when they go.
struct KeyBytes {
  explicit KeyBytes(std::string taken) : bytes(std::move(taken)) {}
  ~KeyBytes() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
  KeyBytes(const KeyBytes&) = delete;
  KeyBytes& operator=(const KeyBytes&) = delete;
  std::string bytes;
};

// Looked up once; thread-safe, and never freed: others may still run when this process ends.
EVP_MAC* HmacAlgorithm() {
  static EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  return algorithm;
}

Mac MakeMac(std::string_view key) {
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_end()};
  Mac mac(EVP_MAC_CTX_new(HmacAlgorithm()));
  if (mac == nullptr || EVP_MAC_init(mac.get(), Bytes(key), key.size(), params) != 1) return nullptr;
  return mac;
}

}  // namespace

// OpenSSL wipes the bytes of both when it frees them.
struct SigningKey::Impl {
  SigningAlgorithm algorithm = SigningAlgorithm::kEd25519;
  std::string kid;
  PrivateKey ed25519;
  Mac hmac;  // has taken the key and nothing else; copied for each signature

  [[nodiscard]] Result<std::string> SignEd25519(std::string_view bytes) const;
  [[nodiscard]] Result<std::string> SignHmac(std::string_view bytes) const;
};

std::string_view ToString(SigningAlgorithm algorithm) {
  return algorithm == SigningAlgorithm::kEd25519 ? "ed25519" : "hmac-sha256";
}

Result<SigningKey> SigningKey::Make(SigningAlgorithm algorithm, std::string kid, const Secret& key) {
  if (kid.empty()) return SinkError(SinkFault::kConfigError, "a signing key needs a name");
  auto decoded = FromBase64Url(key.Reveal());
  if (!decoded) return SinkError(SinkFault::kConfigError, "the signing key is no base64url text");
  const KeyBytes seed(std::move(*decoded));
  auto impl = std::make_shared<Impl>();
  impl->algorithm = algorithm;
  impl->kid = std::move(kid);
  if (algorithm == SigningAlgorithm::kHmacSha256) {
    if (seed.bytes.empty()) return SinkError(SinkFault::kConfigError, "the signing key is empty");
    impl->hmac = MakeMac(seed.bytes);
    if (impl->hmac == nullptr) return RefusedByOpenSsl("a key for HMAC");
  } else {
    if (seed.bytes.size() != kSeedSize)
      return SinkError(SinkFault::kConfigError, "the signing key has not the 32 bytes of an Ed25519 seed");
    impl->ed25519.reset(
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, Bytes(seed.bytes), kSeedSize));
    if (impl->ed25519 == nullptr) return RefusedByOpenSsl("a seed for Ed25519");
  }
  return SigningKey(std::move(impl));
}

SigningAlgorithm SigningKey::algorithm() const { return impl_->algorithm; }
const std::string& SigningKey::kid() const { return impl_->kid; }

std::string SigningKey::PublicKey() const {
  if (impl_->ed25519 == nullptr) return {};
  std::array<uint8_t, 32> bytes{};
  size_t size = bytes.size();
  EVP_PKEY_get_raw_public_key(impl_->ed25519.get(), bytes.data(), &size);
  return ToBase64Url({reinterpret_cast<const char*>(bytes.data()), size});
}

Result<std::string> SigningKey::Sign(std::string_view bytes) const {
  return impl_->ed25519 != nullptr ? impl_->SignEd25519(bytes) : impl_->SignHmac(bytes);
}

Result<std::string> SigningKey::Impl::SignEd25519(std::string_view bytes) const {
  std::string signature(kEd25519SignatureSize, '\0');
  size_t size = signature.size();
  const Digest context(EVP_MD_CTX_new());
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, ed25519.get()) != 1 ||
      EVP_DigestSign(context.get(), MutableBytes(signature), &size, Bytes(bytes), bytes.size()) != 1 ||
      size != signature.size()) {
    return RefusedByOpenSsl("a signature of Ed25519");
  }
  return signature;
}

Result<std::string> SigningKey::Impl::SignHmac(std::string_view bytes) const {
  std::string signature(kHmacSignatureSize, '\0');
  size_t size = 0;
  const Mac mac(EVP_MAC_CTX_dup(hmac.get()));
  if (mac == nullptr || EVP_MAC_update(mac.get(), Bytes(bytes), bytes.size()) != 1 ||
      EVP_MAC_final(mac.get(), MutableBytes(signature), &size, signature.size()) != 1 ||
      size != signature.size()) {
    return RefusedByOpenSsl("an HMAC");
  }
  return signature;
}

// --- The variables

namespace {

// nullopt: unknown.
std::optional<SigningAlgorithm> AlgorithmNamed(std::string_view name) {
  if (name == "ed25519") return SigningAlgorithm::kEd25519;
  if (name == "hmac" || name == "hmac-sha256") return SigningAlgorithm::kHmacSha256;
  return std::nullopt;
}

}  // namespace

SigningConfig ReadSigningConfig(const std::optional<std::string>& signing,
                                const std::optional<std::string>& kid, const std::optional<Secret>& key) {
  SigningConfig config;
  const auto warn = [&config](std::string_view variable, std::string message) {
    config.warnings.push_back({variable, std::move(message)});
  };
  const std::string name = AsciiLower(Trim(signing.value_or("")));
  if (name.empty() || name == "off") return config;
  const auto algorithm = AlgorithmNamed(name);
  if (!algorithm) {
    warn(kSigningVariable, "names no algorithm: use ed25519, hmac-sha256 or off; events are not signed");
    return config;
  }
  const std::string trimmed_kid(Trim(kid.value_or("")));
  if (trimmed_kid.empty()) warn(kSigningKidVariable, "is not set; events are not signed");
  const bool no_key = !key || Trim(key->Reveal()).empty();
  if (no_key) warn(kSigningKeyVariable, "is not set; events are not signed");
  if (!config.warnings.empty()) return config;
  auto made = SigningKey::Make(*algorithm, trimmed_kid, Secret(std::string(Trim(key->Reveal()))));
  if (made) {
    config.key = std::move(*made);
  } else {
    warn(kSigningKeyVariable, made.error().message() + "; events are not signed");
  }
  return config;
}

}  // namespace jammi::events
