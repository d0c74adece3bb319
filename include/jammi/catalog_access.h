// What the handle of every repository of the catalog holds: the database, who asks, until when.
#pragma once

#include <memory>
#include <utility>

#include "jammi/catalog_backend.h"
#include "jammi/scope.h"

namespace jammi {

// Immutable but for the deadline; cheap to copy. The scope is part of every handle, so that no call can be
// made for nobody in particular.
struct CatalogAccess {
  std::shared_ptr<CatalogBackend> backend;
  Scope scope;
  Deadline deadline = {};  // for the start of each call

  [[nodiscard]] CatalogAccess Until(Deadline until) const { return {backend, scope, until}; }
  [[nodiscard]] TxOptions Reading() const { return {.read_only = true, .deadline = deadline}; }
  // For a body of one statement.
  [[nodiscard]] TxOptions ReadingOnce() const {
    return {.read_only = true, .single_statement = true, .deadline = deadline};
  }
  [[nodiscard]] TxOptions Writing(Lane lane = Lane::kNormal) const {
    return {.lane = lane, .deadline = deadline};
  }
};

// One page of a list, and where the next one begins.
template <class T>
struct Page {
  std::vector<T> items;
  std::string next_page_token;  // empty = that was all
};

constexpr int kDefaultPageSize = 100;
constexpr int kMaxPageSize = 1000;

}  // namespace jammi
