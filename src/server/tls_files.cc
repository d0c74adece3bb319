#include "server/tls_files.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <utility>

#include "access/guarded_file.h"

namespace jammi {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Bio Open(const std::string& pem) {
  return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free};
}

// The first one; null: there is none.
Certificate FirstCertificate(const std::string& pem) {
  const Bio bio = Open(pem);
  Certificate first(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), &X509_free);
  ERR_clear_error();
  return first;
}

// Nobody is there to be asked.
int NoPassword(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return 0; }

Key PrivateKey(const std::string& pem) {
  const Bio bio = Open(pem);
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &NoPassword, nullptr), &EVP_PKEY_free);
  ERR_clear_error();
  return key;
}

Error Unusable(const char* setting, const std::filesystem::path& path, std::string_view why) {
  return {ErrorCode::kFailedPrecondition, fmt::format("{}: {}: {}", setting, path.string(), why),
          ConfigDetail{.key = setting}};
}

Result<std::string> Read(const char* setting, const std::filesystem::path& path) {
  auto text = ReadGuardedFile(path, FileGuard::kNone);
  if (!text) return std::move(text).error().While(setting);
  return text;
}

}  // namespace

Result<std::optional<RpcTls>> ReadTlsFiles(const ServerConfig& config) {
  constexpr auto kCertificate = "server.tls_certificate_path";
  constexpr auto kKey = "server.tls_key_path";
  constexpr auto kAuthority = "server.tls_client_authority_path";
  if (!config.tls_certificate_path) return std::optional<RpcTls>();
  RpcTls tls;
  JAMMI_ASSIGN(tls.certificate, Read(kCertificate, *config.tls_certificate_path));
  const auto certificate = FirstCertificate(tls.certificate);
  if (certificate == nullptr) {
    return Unusable(kCertificate, *config.tls_certificate_path, "it holds no certificate in PEM form");
  }
  JAMMI_ASSIGN(tls.key, Read(kKey, *config.tls_key_path));
  const auto key = PrivateKey(tls.key);
  if (key == nullptr) {
    return Unusable(kKey, *config.tls_key_path, "it holds no key in PEM form that needs no password");
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    ERR_clear_error();
    return Unusable(
        kKey, *config.tls_key_path,
        fmt::format("it is not the key of the certificate in {}", config.tls_certificate_path->string()));
  }
  if (config.tls_client_authority_path) {
    JAMMI_ASSIGN(tls.client_authority, Read(kAuthority, *config.tls_client_authority_path));
    if (FirstCertificate(tls.client_authority) == nullptr) {
      return Unusable(kAuthority, *config.tls_client_authority_path, "it holds no certificate in PEM form");
    }
  }
  return std::optional(std::move(tls));
}

}  // namespace jammi
