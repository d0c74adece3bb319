// All that a catalog has stored, by owner, read past the repositories.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "jammi/catalog_backend.h"

namespace jammi::proof {

// The key of what belongs to nobody in particular, such as counters.
inline constexpr std::string_view kNobody = "(nobody)";

// The rows as text, by the key of the scope that owns them.
using Snapshot = std::map<std::string, std::multiset<std::string>, std::less<>>;

class SnapshotReader {
 public:
  // Asks the database for its tables. A table without an owner that is not known to have none fails the
  // test: somebody has to say whose its rows are.
  explicit SnapshotReader(CatalogBackend& backend);
  [[nodiscard]] Snapshot Read(CatalogBackend& backend) const;

 private:
  std::string sql_;
};

// The owner's rows of `from` that `to` does not have, those of table `except` excepted.
[[nodiscard]] std::string Missing(const Snapshot& from, const Snapshot& to, std::string_view owner,
                                  std::string_view except = {});

}  // namespace jammi::proof
