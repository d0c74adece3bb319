// The parts of databases_bench, and the databases that they measure.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "bench/measure.h"
#include "catalog/catalog.h"
#include "support/pg_server.h"

namespace jammi::bench {

inline constexpr int kMostThreads = 32;

// New databases of either kind. For one thread.
class Databases {
 public:
  // What Open() opens: the path of a file, or the URL of a database.
  [[nodiscard]] std::string Create(BackendKind kind);
  [[nodiscard]] std::shared_ptr<Catalog> Open(BackendKind kind, const std::string& place);
  [[nodiscard]] test::PgServer& server();

 private:
  TempFolder folder_{"jammi_databases_bench"};
  std::optional<test::PgServer> server_;
  int files_ = 0;
};

// Runs one statement on a new catalog's database, as one long body.
void Fill(CatalogBackend& backend, const std::string& sql);
// Tells PostgreSQL what there is, as it would find out by itself after a while.
void Analyze(BackendKind kind, const std::string& place);

// On one kind of database, or on both.
void RaceVerbs(Databases& databases, double seconds, std::optional<BackendKind> only);
void CountRoundTrips(Databases& databases);
void TimeClaims(Databases& databases);

}  // namespace jammi::bench
