// From SQLSTATE to our errors: the one place that reads it.
#pragma once

#include <string_view>

#include "jammi/error.h"

struct pg_conn;
struct pg_result;

namespace jammi::postgres {

// The error of a statement; `result` holds one.
[[nodiscard]] Error FromResult(const pg_result* result);

// The error of a connection that could not be made, or was lost.
[[nodiscard]] Error FromConnection(const pg_conn* connection, std::string_view doing);

// The server said that it ends this connection, which it may have done before or after it did what it was
// asked.
[[nodiscard]] bool EndsConnection(const pg_result* result);

// The statement was prepared against a schema, or for a session, that is no longer there: it works on
// another connection.
[[nodiscard]] bool IsStale(const Error& error);

// Nothing was changed, and the same transaction may succeed on another run: it lost against another, its
// connection was lost, or the server is a standby that may be promoted.
[[nodiscard]] bool MayRerun(const Error& error);

[[nodiscard]] Error ConnectionLost(std::string_view why);

}  // namespace jammi::postgres
