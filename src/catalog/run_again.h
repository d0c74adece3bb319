// Transactions that are run again when another has come between two of their statements. It happens where
// writers run side by side, at READ COMMITTED; a snapshot would not do instead, because it loses against
// every other change of the catalog: each ends with an event of one topic.
#pragma once

#include <type_traits>
#include <utility>

#include "catalog/backend_error.h"
#include "jammi/catalog_access.h"
#include "jammi/error.h"

namespace jammi {

// Against others who would come between for ever.
inline constexpr int kMaxRuns = 100;

[[nodiscard]] inline bool IsForeignKeyError(const Error& error) {
  return HasFault(error, BackendFault::kForeignKey);
}

// Transact(options, body), again for each error of which `again(error)` is true, which is returned when it
// is the last of kMaxRuns.
template <class Again, class Fn>
[[nodiscard]] auto TransactWhile(CatalogBackend& backend, const TxOptions& options, Again again, Fn body)
    -> std::invoke_result_t<Fn, Transaction&> {
  for (int run = 1;; ++run) {
    auto result = backend.Transact(options, body);
    if (result || run == kMaxRuns || !again(result.error())) return result;
  }
}

// For a body that looks something up and adds a row that refers to it. When it is deleted in between, the
// foreign key refuses the row; then the body runs again, and the look-up says in its own words what is
// missing.
template <class Fn>
[[nodiscard]] auto TransactReferring(const CatalogAccess& access, Fn body, Lane lane = Lane::kNormal)
    -> std::invoke_result_t<Fn, Transaction&> {
  return TransactWhile(*access.backend, access.Writing(lane), IsForeignKeyError, std::move(body));
}

}  // namespace jammi
