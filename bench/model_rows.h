// The models that the benchmarks of the catalog work with, and how a program without the catalog reads them:
// by the number of the column, in the order of the catalog's statements.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "bench/measure.h"
#include "catalog/changes.h"
#include "catalog/model_repo.h"
#include "jammi/models.h"

namespace jammi::bench {

inline constexpr int kVersions = 4;  // of each model that was there before
inline constexpr int kPageSize = 100;
inline constexpr std::string_view kTenantText = "aaaaaaaa-0000-4000-8000-000000000001";
inline constexpr std::string_view kConfig =
    R"({"dimensions":384,"pooling":"mean","normalize":true,"max_tokens":512})";

inline std::string NameOf(int i) { return fmt::format("organisation/model-{}", i / kVersions); }

// `models` versions, of the global scope, but every fourth name is the tenant's.
inline std::string FillModels(int models) {
  return fmt::format(
      "INSERT INTO models (scope, name, version, model_uid, model_type, task, backend, status, "
      "artifact_path, config_json, revision, created_at, updated_at) "
      "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {0} - 1) "
      "SELECT CASE WHEN i / {1} % 4 = 0 THEN '{2}' ELSE '' END, 'organisation/model-' || (i / {1}), "
      "i % {1} + 1, '0190aabb-ccdd-7eef-8011-' || (100000000000 + i), 'embedding', 'text_embedding', "
      "'candle', 'registered', 's3://models/artifacts/' || i, '{3}', 1, i, i FROM n",
      models, kVersions, kTenantText, kConfig);
}

// The size of the event that goes with a registration: that of one which is made here, by the tenant.
inline int64_t ChangeBytes(const std::shared_ptr<CatalogBackend>& backend) {
  Models tenants({backend, Scope::ForTenant(Must(TenantId::Parse(kTenantText)))});
  Must(tenants.Register({.model_id = "organisation/first", .model_type = "embedding"}));
  const auto bytes = Must(backend->Transact({.read_only = true}, [](Transaction& tx) {
    return tx.QueryFirst("SELECT bytes / events AS size FROM topic_heads WHERE topic_no = $1",
                         {kChangesTopicNo}, [](const Row& row) { return row.Get<int64_t>("size"); });
  }));
  return bytes.value();
}

// The text of a statement of the catalog, by its name.
template <class Statements>
std::string_view StatementText(const Statements& statements, std::string_view name) {
  for (const auto& statement : statements) {
    if (statement.name == name) return statement.sql;
  }
  throw std::runtime_error(fmt::format("no statement {}", name));
}

// `row` gives cells: std::optional<std::string> Text(int), int64_t Int(int).
template <class Cells>
ModelRecord ReadModel(const Cells& row) {
  ModelRecord record;
  record.owner = Must(Scope::FromKey(*row.Text(0)));
  record.model_id = *row.Text(1);
  record.version = static_cast<int32_t>(row.Int(2));
  record.uid.value = *row.Text(3);
  record.model_type = *row.Text(4);
  record.task = Must(ParseModelTask(*row.Text(5)));
  record.backend = *row.Text(6);
  record.status = Must(ParseModelStatus(*row.Text(7)));
  record.base_model_id = row.Text(8);
  record.artifact_path = row.Text(9);
  record.config_json = row.Text(10);
  record.revision = row.Int(11);
  record.created_at = row.Int(12);
  record.updated_at = row.Int(13);
  return record;
}

}  // namespace jammi::bench
