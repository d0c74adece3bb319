#include "support/nats_credentials.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string_view>

namespace jammi::test {
namespace {

// The first letter of a key says what it is of.
constexpr uint8_t kOperator = 14 << 3;
constexpr uint8_t kAccount = 0;
constexpr uint8_t kUser = 20 << 3;
constexpr uint8_t kSeed = 18 << 3;

std::string Base32(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string text;
  uint32_t bits = 0;
  int count = 0;
  for (const char byte : bytes) {
    bits = bits << 8 | static_cast<uint8_t>(byte);
    for (count += 8; count >= 5; count -= 5) text += kDigits[bits >> (count - 5) & 31];
  }
  if (count > 0) text += kDigits[bits << (5 - count) & 31];
  return text;
}

std::string Base64Url(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  uint32_t bits = 0;
  int count = 0;
  for (const char byte : bytes) {
    bits = bits << 8 | static_cast<uint8_t>(byte);
    for (count += 8; count >= 6; count -= 6) text += kDigits[bits >> (count - 6) & 63];
  }
  if (count > 0) text += kDigits[bits << (6 - count) & 63];
  return text;
}

// CRC-16/XMODEM, little endian, behind the bytes.
std::string WithCrc(std::string bytes) {
  uint16_t crc = 0;
  for (const char byte : bytes) {
    crc = static_cast<uint16_t>(crc ^ static_cast<uint8_t>(byte) << 8);
    for (int i = 0; i < 8; ++i)
      crc = static_cast<uint16_t>((crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1);
  }
  bytes += static_cast<char>(crc & 0xff);
  bytes += static_cast<char>(crc >> 8);
  return bytes;
}

class Key {
 public:
  explicit Key(uint8_t kind) : kind_(kind) {
    if (RAND_bytes(seed_.data(), seed_.size()) != 1) throw std::runtime_error("no random bytes");
    key_.reset(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed_.data(), seed_.size()));
  }

  [[nodiscard]] std::string Public() const {
    std::array<unsigned char, 32> bytes{};
    size_t size = bytes.size();
    EVP_PKEY_get_raw_public_key(key_.get(), bytes.data(), &size);
    std::string raw{static_cast<char>(kind_)};
    for (const unsigned char byte : bytes) raw += static_cast<char>(byte);
    return Base32(WithCrc(raw));
  }

  [[nodiscard]] std::string Seed() const {
    std::string raw;
    raw += static_cast<char>(kSeed | kind_ >> 5);
    raw += static_cast<char>((kind_ & 31) << 3);
    for (const unsigned char byte : seed_) raw += static_cast<char>(byte);
    return Base32(WithCrc(raw));
  }

  // A claim about `subject`, signed by this key.
  [[nodiscard]] std::string Claim(const Key& subject, std::string_view name, std::string_view nats) const {
    const std::string header = R"({"typ":"JWT","alg":"ed25519-nkey"})";
    const std::string body =
        fmt::format(R"({{"jti":"{}","iat":1700000000,"iss":"{}","name":"{}","sub":"{}","nats":{}}})",
                    subject.Public(), Public(), name, subject.Public(), nats);
    const std::string text = Base64Url(header) + "." + Base64Url(body);
    std::array<unsigned char, 64> signature{};
    size_t size = signature.size();
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get());
    EVP_DigestSign(context.get(), signature.data(), &size,
                   reinterpret_cast<const unsigned char*>(text.data()), text.size());
    return text + "." + Base64Url({reinterpret_cast<const char*>(signature.data()), size});
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  uint8_t kind_;
  std::array<unsigned char, 32> seed_{};
  std::unique_ptr<EVP_PKEY, Free> key_;
};

std::string UserFile(const Key& account, const Key& user) {
  constexpr std::string_view kClaim =
      R"({"pub":{},"sub":{},"subs":-1,"data":-1,"payload":-1,"type":"user","version":2})";
  return fmt::format(
      "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n"
      "-----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
      account.Claim(user, "tester", kClaim), user.Seed());
}

}  // namespace

NatsCredentials MakeNatsCredentials() {
  constexpr std::string_view kAccountClaim =
      R"({"limits":{"subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,"wildcards":true,"conn":-1,"leaf":-1,)"
      R"("mem_storage":-1,"disk_storage":-1,"streams":-1,"consumer":-1},"type":"account","version":2})";
  constexpr std::string_view kSystemClaim =
      R"({"limits":{"subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,"wildcards":true,"conn":-1,"leaf":-1},)"
      R"("type":"account","version":2})";
  const Key operator_key(kOperator);
  const Key account(kAccount);
  const Key other_account(kAccount);
  const Key system(kAccount);
  NatsCredentials made;
  made.server_configuration = fmt::format(
      "operator: {}\nresolver: MEMORY\nsystem_account: {}\nresolver_preload: {{ {}: {}, {}: {} }}\n",
      operator_key.Claim(operator_key, "operator", R"({"type":"operator","version":2})"), system.Public(),
      account.Public(), operator_key.Claim(account, "account", kAccountClaim), system.Public(),
      operator_key.Claim(system, "system", kSystemClaim));
  made.user_file = UserFile(account, Key(kUser));
  made.stranger_file = UserFile(other_account, Key(kUser));
  return made;
}

}  // namespace jammi::test
