// What a call's status says, as one of our errors.
#pragma once

#include <string>
#include <string_view>

#include "jammi/error.h"

namespace grpc {  // NOLINT(readability-identifier-naming): it is theirs
class Status;
}

namespace jammi {

// The error of a status that is not OK, with the server's text. What cannot be told from a status: whether
// kUnavailable came from the server (nothing was changed) or from a connection that broke under way (it may
// have been). A deadline that passes here is kOutcomeUnknown, because the server may have gone on.
[[nodiscard]] Error FromStatus(const grpc::Status& status);

// kUnavailable: there is no connection, for the library's reason; with what may be done about it where that
// is known. `target`: as it was given.
[[nodiscard]] Error CannotConnect(const std::string& target, bool tls, std::string_view reason);

}  // namespace jammi
