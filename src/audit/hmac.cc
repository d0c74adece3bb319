#include "audit/hmac.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

namespace jammi::audit {
namespace {

Error Refused(std::string_view what) {
  return Error(ErrorCode::kInternal, "OpenSSL has refused " + std::string(what));
}

char kSha256[] = "SHA256";

// Looked up once; thread-safe, and never freed: others may still run when this process ends.
EVP_MAC* HmacAlgorithm() {
  static EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  return algorithm;
}
EVP_KDF* HkdfAlgorithm() {
  static EVP_KDF* const algorithm = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  return algorithm;
}

OSSL_PARAM OctetsParam(const char* name, std::span<const uint8_t> bytes) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

void Hmac::Free::operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }

Result<Hmac> Hmac::Make(std::span<const uint8_t> key) {
  Context context(EVP_MAC_CTX_new(HmacAlgorithm()));
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, kSha256, 0),
                               OSSL_PARAM_construct_end()};
  if (context == nullptr || EVP_MAC_init(context.get(), key.data(), key.size(), params) != 1) {
    return Refused("an HMAC");
  }
  return Hmac(std::move(context));
}

Result<Sha256Digest> Hmac::Of(std::initializer_list<std::span<const uint8_t>> parts) {
  bool good = EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1;  // the same key again
  for (const auto part : parts) good = good && EVP_MAC_update(context_.get(), part.data(), part.size()) == 1;
  Sha256Digest digest{};
  size_t size = 0;
  good = good && EVP_MAC_final(context_.get(), digest.data(), &size, digest.size()) == 1;
  if (!good || size != digest.size()) return Refused("an HMAC");
  return digest;
}

Result<AuditKeyBytes> DeriveTenantKey(const AuditKeyBytes& master, std::string_view tenant,
                                      std::string_view info) {
  struct Free {
    void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
  };
  const std::unique_ptr<EVP_KDF_CTX, Free> context(EVP_KDF_CTX_new(HkdfAlgorithm()));
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, kSha256, 0),
                               OctetsParam(OSSL_KDF_PARAM_KEY, master.bytes()),
                               OctetsParam(OSSL_KDF_PARAM_SALT, BytesOf(tenant)),
                               OctetsParam(OSSL_KDF_PARAM_INFO, BytesOf(info)), OSSL_PARAM_construct_end()};
  AuditKeyBytes derived;
  if (context == nullptr ||
      EVP_KDF_derive(context.get(), derived.bytes().data(), derived.bytes().size(), params) != 1) {
    return Refused("to derive a key");
  }
  return derived;
}

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void Wipe(std::string& text) { OPENSSL_cleanse(text.data(), text.size()); }

}  // namespace jammi::audit
