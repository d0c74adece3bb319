// The URL of a catalog database, and what is set where it says nothing.
#pragma once

#include "catalog/postgres/connection.h"
#include "jammi/secret.h"

namespace jammi::postgres {

// Errors: kInvalidArgument with ConfigDetail("catalog.url"); the message says what is wrong and never
// quotes the URL, which may hold a password in any of its parts.
[[nodiscard]] Result<ConnectionParameters> ParseUrl(const Secret& url);

}  // namespace jammi::postgres
