// What the tests of the registry of sources share.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "catalog/changes.h"
#include "catalog/repo_fixture.h"
#include "catalog/source_repo.h"

namespace jammi::test {

inline SourceConnection File(std::string url = "file:///data/a.parquet") {
  return {.url = Secret(std::move(url)), .format = FileFormat::kParquet};
}

template <class T>
bool IsSourceError(const Result<T>& result, ErrorCode code, std::string_view source_id) {
  if (result || result.error().code() != code) return false;
  const auto* detail = result.error().template As<SourceDetail>();
  return detail != nullptr && detail->source_id == source_id;
}

template <class T>
bool IsAbsent(const Result<T>& result, std::string_view source_id) {
  return IsSourceError(result, ErrorCode::kNotFound, source_id);
}

class SourcesTest : public RepoTest {
 protected:
  Sources As(const Scope& scope) const { return Sources(Access(scope)); }
  SourceRecord Register(const Scope& scope, const std::string& id) {
    MoveClock(std::chrono::seconds(1));
    return Ok(As(scope).Register(id, SourceType::kFile, File()));
  }
  // A result table; of tables of one time the name decides.
  void AddTable(const Scope& scope, const std::string& name, const std::string& source_id,
                int64_t created_at) {
    Sql("INSERT INTO result_tables (scope, table_name, kind, source_id, task, parquet_path, status, "
        "lease_holder, lease_epoch, lease_expires_at, created_at) "
        "VALUES ($1, $2, 'asof_join', $3, 'ner', 'file:///x', 'building', 'builder', 1, 0, $4)",
        {scope.Key(), name, source_id, created_at});
  }

  // "<id>" of a global one, "<id>/A" and "<id>/B" of the tenants'.
  static std::string Label(const std::string& name, const Scope& owner) {
    return owner.is_global() ? name : name + (owner == kA ? "/A" : "/B");
  }
  static std::vector<std::string> Labels(const std::vector<SourceRecord>& sources) {
    std::vector<std::string> labels;
    for (const auto& source : sources) labels.push_back(Label(source.source_id, source.owner));
    return labels;
  }
  static std::vector<std::string> Labels(const std::vector<SourceTable>& tables) {
    std::vector<std::string> labels;
    for (const auto& table : tables) labels.push_back(Label(table.table_name, table.owner));
    return labels;
  }
  std::vector<SourceRecord> ListAll(const Scope& scope, int page_size = 2) const {
    return AllPages([&](const std::string& token) { return As(scope).List(page_size, token); });
  }
  std::vector<SourceTable> TablesOf(const Scope& scope, const std::string& id, int page_size = 2) const {
    std::vector<SourceTable> tables;
    std::string token;
    do {
      auto page = Ok(As(scope).Describe(id, page_size, token)).tables;
      std::ranges::move(page.items, std::back_inserter(tables));
      token = page.next_page_token;
    } while (!token.empty());
    return tables;
  }
  int64_t Changes() {
    return GetInt("SELECT next_offset AS v FROM topic_heads WHERE topic_no = $1", {kChangesTopicNo});
  }
};

}  // namespace jammi::test
