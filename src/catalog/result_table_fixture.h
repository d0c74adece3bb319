// Result tables of two tenants, an outsider and the global scope, on the database under test.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "catalog/repo_fixture.h"
#include "jammi/index_segments.h"
#include "jammi/result_tables.h"

namespace jammi::test {

using std::chrono::microseconds;
using std::chrono::seconds;

inline constexpr seconds kLease{30};

inline std::vector<std::string> NamesOf(const std::vector<ResultTableRecord>& tables) {
  std::vector<std::string> names;
  for (const auto& table : tables) names.push_back(table.table_name);
  return names;
}

// The epoch that holds the build, if the lease was lost.
template <class T>
std::optional<int64_t> LostTo(const Result<T>& result) {
  const auto* detail = result ? nullptr : result.error().template As<LeaseLostDetail>();
  return detail == nullptr ? std::nullopt : std::optional(detail->current_epoch);
}

template <class T>
bool IsTableNotFound(const Result<T>& result) {
  return CodeOf(result) == ErrorCode::kNotFound &&
         result.error().template As<ResultTableNotFoundDetail>() != nullptr;
}

class ResultTablesTest : public RepoTest {
 protected:
  ResultTables Tables(const Scope& scope) const { return ResultTables(Access(scope)); }
  IndexSegments Segments(const Scope& scope) const { return IndexSegments(Access(scope)); }

  // Of a table of kind model that a global model makes from `source`.
  CreateResultTableParams Params(std::string name, std::string source = "docs") {
    if (model_.uid.value.empty()) model_ = RegisterModel(kGlobal, "encoder");
    CreateResultTableParams params;
    params.table_name = std::move(name);
    params.source_id = std::move(source);
    params.model_uid = model_.uid;
    params.parquet_path = "file:///" + params.table_name + ".parquet";
    return params;
  }
  static ResultTableManifest Manifest(std::vector<std::string> sources = {}, std::string hash = "hash") {
    ResultTableManifest manifest{.row_count = 42, .definition_hash = std::move(hash)};
    for (std::string& source : sources) {
      manifest.inputs.push_back({std::move(source), "a1", AnchorKind::kResultDigest});
    }
    return manifest;
  }

  ResultTables::Build Start(const Scope& scope, const CreateResultTableParams& params) {
    return Ok(Tables(scope).Create(params, "builder", kLease));
  }
  ResultTables::Build Start(const Scope& scope, std::string name) {
    return Start(scope, Params(std::move(name)));
  }
  ResultTableRecord Ready(const Scope& scope, const CreateResultTableParams& params,
                          const ResultTableManifest& manifest = Manifest()) {
    const auto build = Start(scope, params);
    MoveClock(microseconds(1));  // no two tables of one moment, unless a test wants them
    return Ok(Tables(scope).Promote(params.table_name, build.lease, manifest));
  }
  ResultTableRecord Ready(const Scope& scope, std::string name,
                          const ResultTableManifest& manifest = Manifest()) {
    return Ready(scope, Params(std::move(name)), manifest);
  }

  std::vector<std::string> List(const Scope& scope, const ResultTableFilter& filter = {}, int page_size = 2) {
    return NamesOf(
        AllPages([&](const std::string& token) { return Tables(scope).List(filter, page_size, token); }));
  }

  ModelRecord model_;
};

}  // namespace jammi::test
