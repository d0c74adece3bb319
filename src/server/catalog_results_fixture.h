// Sources and result tables, which the wire cannot make yet.
#pragma once

#include "server/catalog_fixture.h"

namespace jammi::test {

class CatalogResultsTest : public CatalogTest {
 protected:
  static void AddSource(const Session& session, const std::string& id) {
    const auto added = session.sources().Register(
        id, SourceType::kFile, {.url = Secret("file:///" + id + ".csv"), .format = FileFormat::kCsv});
    EXPECT_TRUE(added) << added.error().ToString();
  }

  // A ready table.
  static ResultTableRecord MakeTable(const Session& session, const std::string& source,
                                     const std::string& name, ResultTableKind kind = ResultTableKind::kModel,
                                     ResultTableManifest manifest = {},
                                     std::optional<std::string> derived_from = std::nullopt) {
    if (manifest.definition_hash.empty()) manifest.definition_hash = "hash";
    const auto build = StartTable(session, source, name, kind, std::move(derived_from));
    const auto table = session.result_tables().Promote(name, build.lease, manifest);
    EXPECT_TRUE(table) << table.error().ToString();
    return *table;
  }
  // A table that is not ready.
  static ResultTables::Build StartTable(const Session& session, const std::string& source,
                                        const std::string& name,
                                        ResultTableKind kind = ResultTableKind::kModel,
                                        std::optional<std::string> derived_from = std::nullopt) {
    CreateResultTableParams params;
    params.table_name = name;
    params.kind = kind;
    params.source_id = source;
    params.parquet_path = "file:///" + name + ".parquet";
    params.derived_from = std::move(derived_from);
    if (kind == ResultTableKind::kModel) {
      const auto model = session.models().RegisterNext({.model_id = "encoder",
                                                        .model_type = "embedding",
                                                        .backend = "http",
                                                        .task = ModelTask::kTextEmbedding});
      params.model_uid = model->uid;
      params.dimensions = 8;
      params.key_column = "doc_id";
    }
    auto build = session.result_tables().Create(params, "builder", std::chrono::seconds(30));
    EXPECT_TRUE(build) << build.error().ToString();
    return *std::move(build);
  }
};

}  // namespace jammi::test
