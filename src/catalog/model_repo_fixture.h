// A migrated catalog in a temporary folder, three scopes and an outsider, and things that refer to models.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "jammi/models.h"
#include "support/raw_sqlite.h"
#include "support/temp_dir.h"

namespace jammi::models_test {

inline constexpr UnixMicros kStart = 1'700'000'000'000'000;

inline Scope Tenant(std::string_view text) { return Scope::ForTenant(TenantId::Parse(text).value()); }
inline const Scope kA = Tenant("aaaaaaaa-0000-4000-8000-000000000001");
inline const Scope kB = Tenant("bbbbbbbb-0000-4000-8000-000000000002");
inline const Scope kOutsider = Tenant("cccccccc-0000-4000-8000-000000000003");
inline const Scope kGlobal = Scope::Global();

// The value, or the end of the test with the error.
template <class T>
T Ok(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().ToString());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

template <class T>
std::optional<ErrorCode> CodeOf(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code());
}

template <class T>
bool IsModelNotFound(const Result<T>& result, std::string_view model_id) {
  if (result || result.error().code() != ErrorCode::kNotFound) return false;
  const auto* detail = result.error().template As<ModelNotFoundDetail>();
  return detail != nullptr && detail->model_id == model_id;
}

inline std::vector<std::string> ReferencedBy(const Result<void>& result) {
  const auto* detail = result ? nullptr : result.error().As<ModelReferencedDetail>();
  return detail != nullptr ? detail->referenced_by : std::vector<std::string>{"(not refused as referenced)"};
}

inline RegisterModelParams Params(std::string name, std::optional<int32_t> version = std::nullopt) {
  return {.model_id = std::move(name), .version = version, .model_type = "embedding", .backend = "candle"};
}

class ModelsTest : public testing::Test {
 protected:
  ModelsTest() { Open(); }

  void Open() {
    SqliteOptions options;
    options.path = folder_ / "catalog.db";
    options.durability = Durability::kNormal;  // power loss is not what is tested here
    options.clock = clock_;
    catalog_ = Ok(OpenSqliteCatalog(options));
  }

  Models As(const Scope& scope) { return Models({{catalog_, &catalog_->backend()}, scope}); }

  void Sql(std::string_view sql, std::initializer_list<SqlValue> params = {}) {
    Ok(catalog_->backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
      JAMMI_TRY(tx.Execute(sql, params));
      return {};
    }));
  }
  std::vector<std::string> SqlTexts(std::string_view sql, std::string_view column, SqlParams params = {}) {
    return Ok(catalog_->backend().Transact(
        {.read_only = true}, [&](Transaction& tx) -> Result<std::vector<std::string>> {
          std::vector<std::string> texts;
          JAMMI_TRY(tx.Query(sql, params, [&](const Row& row) -> Result<bool> {
            JAMMI_ASSIGN(texts.emplace_back(), row.Get<std::string>(column));
            return true;
          }));
          return texts;
        }));
  }

  // Changes the file while it is closed, without asking the CHECKs.
  void EditFile(const std::string& sql) {
    catalog_.reset();
    {
      test::RawSqlite raw(folder_ / "catalog.db");
      EXPECT_EQ(raw.Exec("PRAGMA ignore_check_constraints = ON; " + sql), 0);
    }
    Open();
  }

  // Things that refer to a model.
  void AddResultTable(const Scope& scope, const std::string& name, const ModelUid& model) {
    Sql("INSERT INTO result_tables (scope, table_name, kind, source_id, model_uid, task, parquet_path, "
        "status, lease_epoch, created_at, completed_at) "
        "VALUES ($1, $2, 'model', 'source', $3, 'ner', 'file:///x', 'failed', 1, 0, 0)",
        {scope.Key(), name, model.value});
  }
  void AddJob(const Scope& scope, const std::string& id, const ModelUid& base,
              const std::optional<ModelUid>& output) {
    Sql("INSERT INTO training_jobs (scope, job_id, kind, base_model_uid, output_model_id, "
        "output_model_uid, training_source, loss_type, hyperparams, created_at, updated_at) "
        "VALUES ($1, $2, 'fine_tune', $3, 'out', $4, 'source', 'mse', '{}', 0, 0)",
        {scope.Key(), id, base.value, output ? SqlValue(output->value) : SqlValue(std::nullopt)});
  }
  void AddEvalRun(const Scope& scope, const std::string& id, const ModelUid& model) {
    Sql("INSERT INTO eval_runs (scope, run_id, model_uid, eval_type, source_id, metrics, created_at) "
        "VALUES ($1, $2, $3, 'embedding', 'source', '{}', 0)",
        {scope.Key(), id, model.value});
  }

  std::vector<ModelRecord> ListAll(const Scope& scope, int page_size) {
    std::vector<ModelRecord> all;
    std::string token;
    do {
      auto page = Ok(As(scope).List(page_size, token));
      EXPECT_LE(page.items.size(), static_cast<size_t>(page_size));
      std::move(page.items.begin(), page.items.end(), std::back_inserter(all));
      token = page.next_page_token;
    } while (!token.empty());
    return all;
  }

  test::TempDir folder_;
  std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>(kStart);
  std::shared_ptr<Catalog> catalog_;
};

}  // namespace jammi::models_test
