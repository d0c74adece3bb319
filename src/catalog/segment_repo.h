// What the index segments (jammi/index_segments.h) show to the deletion of result tables and to tests.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/repo_statement.h"
#include "jammi/catalog_backend.h"
#include "jammi/index_segments.h"

namespace jammi {

[[nodiscard]] std::span<const RepoStatement> SegmentStatements();

// By table, each by id.
using SegmentsByTable = std::map<std::string, std::vector<IndexSegment>, std::less<>>;

// The segments of a table, or of all tables of a source, that `owner` owns.
[[nodiscard]] Result<SegmentsByTable> SegmentsOfTable(Transaction& tx, const Scope& owner,
                                                      std::string_view table_name);
[[nodiscard]] Result<SegmentsByTable> SegmentsOfSource(Transaction& tx, const Scope& owner,
                                                       std::string_view source_id);

}  // namespace jammi
