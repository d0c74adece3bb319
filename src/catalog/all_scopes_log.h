// The log as the engine itself reads it, to hand it on: the events of all scopes at once. Never for what a
// tenant may ask, who reads by EventLog::Read().
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "catalog/event_log.h"
#include "catalog/repo_statement.h"
#include "jammi/catalog_backend.h"

namespace jammi {

// The statements that look for something.
[[nodiscard]] std::span<const RepoStatement> AllScopesLogStatements();

struct TopicHead {
  int64_t topic_no = 0;
  LogHead head;
};
// The heads of all topics, by number; one that was dropped has none. A pass over a narrow table.
[[nodiscard]] Result<std::vector<TopicHead>> ReadAllHeads(CatalogBackend& backend);

// As EventLog::Read() for a reader who sees everything.
[[nodiscard]] Result<LogPage> ReadAllScopes(CatalogBackend& backend, int64_t topic_no, uint64_t from,
                                            const PageLimit& limit);

}  // namespace jammi
