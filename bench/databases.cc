#include "bench/databases.h"

#include <fmt/format.h>

#include <stdexcept>

#include "support/raw_postgres.h"

namespace jammi::bench {

test::PgServer& Databases::server() {
  if (!server_) server_.emplace(test::PgServer::Storage::kDisk);
  return *server_;
}

std::string Databases::Create(BackendKind kind) {
  if (kind == BackendKind::kSqlite) return folder_.path() / fmt::format("{}.db", ++files_);
  return server().Url(server().CreateDatabase());
}

std::shared_ptr<Catalog> Databases::Open(BackendKind kind, const std::string& place) {
  if (kind == BackendKind::kSqlite) {
    SqliteOptions options;
    options.path = place;
    return Must(OpenSqliteCatalog(options));
  }
  PostgresOptions options;
  options.url = Secret(place);
  options.pool_size = kMostThreads;  // the rival has a connection for every thread
  return Must(OpenPostgresCatalog(options));
}

void Fill(CatalogBackend& backend, const std::string& sql) {
  Must(backend.RunTransaction({.lane = Lane::kBulk}, [&](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute(sql));
    return {};
  }));
}

void Analyze(BackendKind kind, const std::string& place) {
  if (kind == BackendKind::kSqlite) return;
  const std::string error = test::RawPostgres(place).Exec("VACUUM ANALYZE");
  if (!error.empty()) throw std::runtime_error(error);
}

}  // namespace jammi::bench
