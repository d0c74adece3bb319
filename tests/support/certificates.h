// Certificates for tests, made by openssl(1).
#pragma once

#include <filesystem>
#include <string>

namespace jammi::test {

// A new certificate of 127.0.0.1 that is its own authority, and its key: NAME.crt and NAME.key in the folder.
// Throws std::runtime_error.
void MakeCertificate(const std::filesystem::path& folder, const std::string& name);

}  // namespace jammi::test
