// From SQLite's result codes to our errors: the one place that reads them.
#pragma once

#include <string_view>

#include "jammi/error.h"

struct sqlite3;

namespace jammi::sqlite {

// The error of the last call on `db` (may be null when opening failed), which returned `code`, an
// extended result code. `doing` is put in front of SQLite's message; may be empty.
[[nodiscard]] Error FromSqlite(sqlite3* db, int code, std::string_view doing);

// The error of a file operation of our own that failed with `error_number`.
[[nodiscard]] Error FromErrno(int error_number, std::string_view doing);

}  // namespace jammi::sqlite
