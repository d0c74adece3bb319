// The files of the server's certificates.
#pragma once

#include <optional>

#include "jammi/config.h"
#include "jammi/result.h"
#include "rpc/certificates.h"

namespace jammi {

// What the configuration names; nullopt: no TLS. Errors name the setting and the file: those of
// ReadGuardedFile(); kFailedPrecondition: it holds no certificate, or no key that can be read without a
// password, or the key is another certificate's.
[[nodiscard]] Result<std::optional<RpcTls>> ReadTlsFiles(const ServerConfig& config);

}  // namespace jammi
