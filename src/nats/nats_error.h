// Errors of NATS as ours. All have BrokerDetail; none holds an address with credentials.
#pragma once

#include <string>
#include <string_view>

#include "jammi/error.h"

namespace jammi::nats {

// The one function for the client library's codes; `status` is a natsStatus. `doing` is what was tried.
// kUnavailable: not connected, no server, no answer in time where nothing can have changed;
// kPermissionDenied: the server refused the user or the subject; kNotFound: nobody listens on the
// subject; kResourceExhausted: larger than the server takes; kInternal: the library was used wrongly.
[[nodiscard]] Error FromStatus(int status, std::string_view doing);

// The same for what the JetStream API answers: {"error": {"code", "err_code", "description"}}.
// kNotFound: no such stream, consumer or message; kAlreadyExists: a stream of that name with other
// settings; kResourceExhausted: a limit of the server, account or stream; kUnavailable: JetStream is off
// or has no leader now; kInvalidArgument: everything else that it refuses.
[[nodiscard]] Error FromApi(int code, int api_code, std::string_view description, std::string_view doing);

[[nodiscard]] Error Unavailable(std::string message);
// It may have happened.
[[nodiscard]] Error Unknown(std::string message);
[[nodiscard]] Error Refused(std::string message);

}  // namespace jammi::nats
