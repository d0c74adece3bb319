#include "base/hash.h"

#include <openssl/evp.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <memory>

namespace jammi {
namespace {

// To look an algorithm up and to make its state take OpenSSL longer than to digest a short text.
struct FreeDigest {
  void operator()(EVP_MD_CTX* state) const { EVP_MD_CTX_free(state); }
};

const EVP_MD* Sha256Algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);  // for good
  return algorithm != nullptr ? algorithm : EVP_sha256();
}

}  // namespace

Sha256Digest Sha256(std::span<const uint8_t> bytes) {
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeDigest> state(EVP_MD_CTX_new());
  Sha256Digest digest{};
  EVP_DigestInit_ex2(state.get(), Sha256Algorithm(), nullptr);
  EVP_DigestUpdate(state.get(), bytes.data(), bytes.size());
  EVP_DigestFinal_ex(state.get(), digest.data(), nullptr);
  return digest;
}

std::string ToHex(std::span<const uint8_t> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string Sha256Hex(std::string_view text) {
  return ToHex(Sha256({reinterpret_cast<const uint8_t*>(text.data()), text.size()}));
}

uint64_t Checksum(std::span<const uint8_t> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace jammi
