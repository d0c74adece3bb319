#include "audit/hmac.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <array>
#include <utility>

namespace jammi::audit {
namespace {

Error Refused(std::string_view what) {
  return Error(ErrorCode::kInternal, "OpenSSL has refused " + std::string(what));
}

char kSha256[] = "SHA256";
constexpr size_t kBlockBytes = 64;

// Looked up once; thread-safe, and never freed: others may still run when this process ends.
EVP_MD* Sha256Algorithm() {
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, kSha256, nullptr);
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

void Hmac::Free::operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }

// SHA-256 that has taken the key's block. Null: OpenSSL has refused.
Hmac::Context Hmac::Begin(std::span<const uint8_t> key, uint8_t pad) {
  std::array<uint8_t, kBlockBytes> block;
  block.fill(pad);
  for (size_t i = 0; i < key.size(); ++i) block[i] ^= key[i];
  Context context(EVP_MD_CTX_new());
  const bool good = context != nullptr &&
                    EVP_DigestInit_ex2(context.get(), Sha256Algorithm(), nullptr) == 1 &&
                    EVP_DigestUpdate(context.get(), block.data(), block.size()) == 1;
  OPENSSL_cleanse(block.data(), block.size());
  return good ? std::move(context) : nullptr;
}

Result<Hmac> Hmac::Make(std::span<const uint8_t> key) {
  Sha256Digest short_key{};
  if (key.size() > kBlockBytes) {
    short_key = Sha256(key);
    key = short_key;
  }
  Context inner = Begin(key, 0x36);
  Context outer = Begin(key, 0x5c);
  OPENSSL_cleanse(short_key.data(), short_key.size());
  if (inner == nullptr || outer == nullptr) return Refused("an HMAC");
  return Hmac(std::move(inner), std::move(outer));
}

Result<Sha256Digest> Hmac::Of(std::initializer_list<std::span<const uint8_t>> parts) const {
  const Context context(EVP_MD_CTX_new());
  Sha256Digest digest{};
  bool good = context != nullptr && EVP_MD_CTX_copy_ex(context.get(), inner_.get()) == 1;
  for (const auto part : parts) good = good && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  good = good && EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1 &&
         EVP_MD_CTX_copy_ex(context.get(), outer_.get()) == 1 &&
         EVP_DigestUpdate(context.get(), digest.data(), digest.size()) == 1 &&
         EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1;
  if (!good) return Refused("an HMAC");
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

bool IsHexOf(const Sha256Digest& digest, std::string_view hex) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::array<char, 2 * std::tuple_size_v<Sha256Digest>> expected;
  for (size_t i = 0; i < digest.size(); ++i) {
    expected[2 * i] = kDigits[digest[i] >> 4];
    expected[2 * i + 1] = kDigits[digest[i] & 15];
  }
  return hex.size() == expected.size() && CRYPTO_memcmp(hex.data(), expected.data(), expected.size()) == 0;
}

void Wipe(std::string& text) { OPENSSL_cleanse(text.data(), text.size()); }

}  // namespace jammi::audit
