#include "catalog/sqlite/read_only.h"

#include <fmt/format.h>

#include "catalog/backend_error.h"
#include "catalog/sqlite/migrate.h"

namespace jammi::sqlite {
namespace {

bool MayLackWriteAccess(const Error& error) {
  return HasFault(error, BackendFault::kReadOnly) || HasFault(error, BackendFault::kIo);
}

Result<std::unique_ptr<Connection>> Open(const std::filesystem::path& path, bool immutable) {
  JAMMI_ASSIGN(auto connection,
               Connection::Open({.path = path.string(), .read_only = true, .immutable = immutable}));
  JAMMI_TRY(CheckIsOurs(*connection, path.string()));
  return Result<std::unique_ptr<Connection>>(std::move(connection));
}

}  // namespace

Result<std::unique_ptr<Connection>> OpenToRead(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return Error(ErrorCode::kNotFound, fmt::format("there is no file {}", path.string()));
  }
  auto opened = Open(path, /*immutable=*/false);
  if (opened || !MayLackWriteAccess(opened.error())) return opened;
  // SQLite wants to make a file beside it. Where it cannot, no engine can write either; and what a closed
  // engine leaves needs no such file.
  const uintmax_t log = std::filesystem::file_size(path.string() + "-wal", error);
  if (!error && log > 0) return opened;
  return Open(path, /*immutable=*/true);
}

}  // namespace jammi::sqlite
