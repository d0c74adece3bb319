// A transaction body, whatever the backend: how it is called, and what it leaves to be done at its commit.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "jammi/catalog_backend.h"

namespace jammi {

// What a body asked for that happens when it commits.
struct BodyEffects {
  struct Append {
    AppendRequest request;
    std::function<void(const AppendOutcome&)> done;
    AppendOutcome outcome;
  };
  std::vector<Append> appends;
  std::vector<std::move_only_function<void()>> after_commit;
};

// Runs `body`; an exception that leaves it is an error: kInternal.
[[nodiscard]] Result<void> CallBody(const CatalogBackend::Body& body, Transaction& tx);

// kInvalidArgument for a request that no log could take.
[[nodiscard]] Result<void> CheckAppend(const AppendRequest& request);

// Of a body that has promised to run one (TxOptions::single_statement).
[[nodiscard]] Error SecondStatement();

}  // namespace jammi
