// The two sides of a race: the catalog, and the same statements without it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "catalog/catalog.h"

namespace jammi::bench {

// kInsert is a registration whose other side writes no event, which shows what the event costs.
enum class Verb { kGet, kList, kRegister, kInsert, kClaim };

// What some threads have done.
struct Speed {
  double per_second = 0;
  double cpu_micros = 0;  // of this process, for one call
  double group_size = 1;  // works in one COMMIT
};

class Side {
 public:
  virtual ~Side() = default;
  // `threads` do it one call after the other for `seconds`, or until there is no job left. `group_size`:
  // how many writes a single loop is to commit together.
  virtual Speed Run(Verb verb, int threads, double seconds, double group_size) = 0;
  // All claimed jobs are queued again.
  virtual void QueueAgain() = 0;
};

// The databases hold a catalog with `rows` models and jobs.
struct SideOptions {
  int64_t rows = 0;
  int64_t event_bytes = 0;  // of the event that goes with a registration
};
[[nodiscard]] std::unique_ptr<Side> MakeCatalogSide(std::shared_ptr<Catalog> catalog, SideOptions options);
// Several threads write as one loop that commits groups with savepoints; the names that it registers are
// those of so many callers.
[[nodiscard]] std::unique_ptr<Side> MakeSqliteSide(const std::filesystem::path& file, SideOptions options);
[[nodiscard]] std::unique_ptr<Side> MakePostgresSide(const std::string& url, SideOptions options);

}  // namespace jammi::bench
