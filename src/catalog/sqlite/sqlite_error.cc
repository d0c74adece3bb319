#include "catalog/sqlite/sqlite_error.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "catalog/backend_error.h"

namespace jammi::sqlite {
namespace {

BackendFault FaultOf(int code) {
  switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
      return BackendFault::kUnique;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      return BackendFault::kForeignKey;
    case SQLITE_CONSTRAINT_CHECK:
    case SQLITE_CONSTRAINT_NOTNULL:
    case SQLITE_CONSTRAINT_DATATYPE:
      return BackendFault::kCheck;
    default:
      break;
  }
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return BackendFault::kBusy;
    case SQLITE_FULL:
      return BackendFault::kFull;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PROTOCOL:
      return BackendFault::kIo;
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return BackendFault::kReadOnly;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return BackendFault::kCorrupt;
    default:
      return BackendFault::kExecution;
  }
}

BackendFault FaultOfErrno(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return BackendFault::kFull;
    case EROFS:
    case EACCES:
    case EPERM:
      return BackendFault::kReadOnly;
    default:
      return BackendFault::kIo;
  }
}

// Symbols, not numbers, go to logs and callers.
std::string SymbolOf(int code) {
#define JAMMI_SYMBOL(name) \
  case name:               \
    return #name
  switch (code) {
    JAMMI_SYMBOL(SQLITE_CONSTRAINT_UNIQUE);
    JAMMI_SYMBOL(SQLITE_CONSTRAINT_PRIMARYKEY);
    JAMMI_SYMBOL(SQLITE_CONSTRAINT_ROWID);
    JAMMI_SYMBOL(SQLITE_CONSTRAINT_FOREIGNKEY);
    JAMMI_SYMBOL(SQLITE_CONSTRAINT_CHECK);
    JAMMI_SYMBOL(SQLITE_CONSTRAINT_NOTNULL);
    JAMMI_SYMBOL(SQLITE_IOERR_READ);
    JAMMI_SYMBOL(SQLITE_IOERR_SHORT_READ);
    JAMMI_SYMBOL(SQLITE_IOERR_WRITE);
    JAMMI_SYMBOL(SQLITE_IOERR_FSYNC);
    JAMMI_SYMBOL(SQLITE_IOERR_DIR_FSYNC);
    JAMMI_SYMBOL(SQLITE_IOERR_TRUNCATE);
    JAMMI_SYMBOL(SQLITE_IOERR_SHMMAP);
    JAMMI_SYMBOL(SQLITE_IOERR_SHMSIZE);
    JAMMI_SYMBOL(SQLITE_BUSY_SNAPSHOT);
    JAMMI_SYMBOL(SQLITE_BUSY_RECOVERY);
    default:
      break;
  }
  switch (code & 0xff) {
    JAMMI_SYMBOL(SQLITE_ERROR);
    JAMMI_SYMBOL(SQLITE_INTERNAL);
    JAMMI_SYMBOL(SQLITE_PERM);
    JAMMI_SYMBOL(SQLITE_ABORT);
    JAMMI_SYMBOL(SQLITE_BUSY);
    JAMMI_SYMBOL(SQLITE_LOCKED);
    JAMMI_SYMBOL(SQLITE_NOMEM);
    JAMMI_SYMBOL(SQLITE_READONLY);
    JAMMI_SYMBOL(SQLITE_INTERRUPT);
    JAMMI_SYMBOL(SQLITE_IOERR);
    JAMMI_SYMBOL(SQLITE_CORRUPT);
    JAMMI_SYMBOL(SQLITE_FULL);
    JAMMI_SYMBOL(SQLITE_CANTOPEN);
    JAMMI_SYMBOL(SQLITE_PROTOCOL);
    JAMMI_SYMBOL(SQLITE_SCHEMA);
    JAMMI_SYMBOL(SQLITE_TOOBIG);
    JAMMI_SYMBOL(SQLITE_CONSTRAINT);
    JAMMI_SYMBOL(SQLITE_MISMATCH);
    JAMMI_SYMBOL(SQLITE_MISUSE);
    JAMMI_SYMBOL(SQLITE_AUTH);
    JAMMI_SYMBOL(SQLITE_RANGE);
    JAMMI_SYMBOL(SQLITE_NOTADB);
    default:
      return fmt::format("SQLITE_{}", code);
  }
#undef JAMMI_SYMBOL
}

// "UNIQUE constraint failed: models.scope, models.name" names what was violated after the colon.
std::string ObjectOf(int code, std::string_view message) {
  if ((code & 0xff) != SQLITE_CONSTRAINT) return {};
  const size_t colon = message.find(": ");
  return colon == std::string_view::npos ? std::string() : std::string(message.substr(colon + 2));
}

ErrorCode CodeOfResult(int code, BackendFault fault) {
  switch (code & 0xff) {
    case SQLITE_NOMEM:
      return ErrorCode::kResourceExhausted;
    case SQLITE_TOOBIG:
      return ErrorCode::kInvalidArgument;
    case SQLITE_INTERRUPT:
      return ErrorCode::kCancelled;
    default:
      return CodeOf(fault);
  }
}

}  // namespace

Error FromSqlite(sqlite3* db, int code, std::string_view doing) {
  const std::string message = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code);
  BackendFault fault = FaultOf(code);
  // SQLite says only that a file cannot be opened, or shared memory not be grown; the system says why.
  if (fault == BackendFault::kIo && db != nullptr) {
    const BackendFault why = FaultOfErrno(sqlite3_system_errno(db));
    if (why == BackendFault::kFull || (code & 0xff) == SQLITE_CANTOPEN) fault = why;
  }
  std::string symbol = SymbolOf(code);
  std::string text = doing.empty() ? fmt::format("{} ({})", message, symbol)
                                   : fmt::format("{}: {} ({})", doing, message, symbol);
  return Error(CodeOfResult(code, fault), std::move(text),
               BackendDetail{fault, ObjectOf(code, message), std::move(symbol)});
}

Error FromErrno(int error_number, std::string_view doing) {
  const BackendFault fault = FaultOfErrno(error_number);
  const char* symbol = strerrorname_np(error_number);
  return Error(CodeOf(fault), fmt::format("{}: {}", doing, strerrordesc_np(error_number)),
               BackendDetail{fault, {}, symbol != nullptr ? symbol : ""});
}

}  // namespace jammi::sqlite
