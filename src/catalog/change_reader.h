// Reads the changes of the catalog that other processes made, for this process's caches.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog/changes.h"
#include "jammi/catalog_backend.h"

namespace jammi {

struct ReadChange {
  std::string kind;
  std::string verb;
  Scope owner = Scope::Global();
  std::string name;
  std::optional<int64_t> version;
};

// A place in the topic jammi.catalog.changes, for all scopes at once: not for what a tenant may see. Used by
// one thread at a time.
class ChangeReader {
 public:
  // Starts behind what is there now. The backend must outlive the reader.
  [[nodiscard]] static Result<ChangeReader> AtHead(CatalogBackend& backend);

  // The next changes, a few hundred at most; none: that was all. An event that cannot be understood, of a
  // newer version perhaps, is passed over with a warning.
  [[nodiscard]] Result<std::vector<ReadChange>> Next();

 private:
  explicit ChangeReader(CatalogBackend& backend) : backend_(&backend) {}
  CatalogBackend* backend_;
  int64_t next_offset_ = 0;
};

}  // namespace jammi
