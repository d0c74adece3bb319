#include "support/certificates.h"

#include <fmt/format.h>

#include <cstdlib>
#include <stdexcept>

namespace jammi::test {

void MakeCertificate(const std::filesystem::path& folder, const std::string& name) {
  const auto command = fmt::format(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={1} "
      "-addext subjectAltName=IP:127.0.0.1 -keyout {0}/{1}.key -out {0}/{1}.crt 2>/dev/null",
      folder.string(), name);
  if (std::system(command.c_str()) != 0) throw std::runtime_error("openssl has made no certificate " + name);
}

}  // namespace jammi::test
