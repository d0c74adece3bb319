// What the registry of sources (jammi/sources.h) shows to the rest of the engine.
#pragma once

#include <span>
#include <string_view>

#include "catalog/repo_statement.h"
#include "jammi/sources.h"

namespace jammi {

// The sources of all scopes, for an engine that connects them when it starts (CAT-022, CAT-028). No handle
// of a scope leads here.
class AllSources {
 public:
  explicit AllSources(CatalogBackend& backend) : backend_(backend) {}
  // By scope, creation time and name: the order of an index there is. Arguments and errors as
  // Sources::List().
  [[nodiscard]] Result<Page<SourceRecord>> List(int page_size, std::string_view page_token) const;

 private:
  CatalogBackend& backend_;
};

// Every statement of the registry, so that a test can look at its plan on each database.
[[nodiscard]] std::span<const RepoStatement> SourceStatements();

}  // namespace jammi
