#include "events/authority_file.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "events/sink_error.h"

namespace jammi::events {
namespace {

Error Unusable(const std::filesystem::path& path, std::string_view why) {
  return SinkError(SinkFault::kConfigError,
                   fmt::format("nats connect: the CA file {} {}", path.string(), why));
}

bool HasCertificate(const std::string& pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  const std::unique_ptr<X509, decltype(&X509_free)> first(
      bio == nullptr ? nullptr : PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), &X509_free);
  ERR_clear_error();
  return first != nullptr;
}

}  // namespace

Result<void> CheckAuthorityFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (path.empty() || !file) return Unusable(path, "cannot be read");
  const std::string pem{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return Unusable(path, "cannot be read");
  if (pem.empty()) return Unusable(path, "is empty");
  if (!HasCertificate(pem)) return Unusable(path, "has no certificate");
  return {};
}

}  // namespace jammi::events
