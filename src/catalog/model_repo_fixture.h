// What the tests of the model registry share: names for calls and answers, and things that refer to models.
#pragma once

#include <string>
#include <vector>

#include "catalog/repo_fixture.h"
#include "support/raw_sqlite.h"

namespace jammi::test {

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

class ModelsTest : public RepoTest {
 protected:
  Models As(const Scope& scope) const { return ModelsOf(scope); }

  // `stored` is `expected`, but for the times: it was changed since `since`, and as revision 1 made then.
  void ExpectChanged(const ModelRecord& stored, ModelRecord expected, UnixMicros since) {
    EXPECT_GE(stored.updated_at, since);
    EXPECT_LE(stored.updated_at, Now());
    expected.updated_at = stored.updated_at;
    if (expected.revision == 1) expected.created_at = stored.updated_at;
    EXPECT_EQ(stored, expected);
  }

  std::vector<std::string> SqlTexts(std::string_view sql, std::string_view column, SqlParams params = {}) {
    return Ok(
        backend().Transact({.read_only = true}, [&](Transaction& tx) -> Result<std::vector<std::string>> {
          std::vector<std::string> texts;
          JAMMI_TRY(tx.Query(sql, params, [&](const Row& row) -> Result<bool> {
            JAMMI_ASSIGN(texts.emplace_back(), row.Get<std::string>(column));
            return true;
          }));
          return texts;
        }));
  }

  // A statement that the CHECKs of tasks and states would refuse.
  void SqlWithoutChecks(const std::string& sql) {
    if (backend().kind() == BackendKind::kPostgres) {
      for (const std::string column : {"task", "status"})
        Sql("ALTER TABLE models DROP CONSTRAINT IF EXISTS models_" + column + "_check");
      Sql(sql);
      return;
    }
    catalog_.reset();
    EXPECT_EQ(RawSqlite(harness_->location().path).Exec("PRAGMA ignore_check_constraints = ON; " + sql), 0);
    Reopen();
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
    Sql("INSERT INTO training_jobs (sequence, scope, job_id, kind, base_model_uid, output_model_id, "
        "output_model_uid, training_source, loss_type, hyperparams, created_at, updated_at) "
        "VALUES ($1, $2, $3, 'fine_tune', $4, 'out', $5, 'source', 'mse', '{}', 0, 0)",
        {++jobs_, scope.Key(), id, base.value, output ? SqlValue(output->value) : SqlValue(std::nullopt)});
  }
  void AddEvalRun(const Scope& scope, const std::string& id, const ModelUid& model) {
    Sql("INSERT INTO eval_runs (scope, run_id, model_uid, eval_type, source_id, metrics, created_at) "
        "VALUES ($1, $2, $3, 'embedding', 'source', '{}', 0)",
        {scope.Key(), id, model.value});
  }

  std::vector<ModelRecord> ListAll(const Scope& scope, int page_size) const {
    return AllPages([&](const std::string& token) {
      auto page = As(scope).List(page_size, token);
      EXPECT_TRUE(!page || page->items.size() <= static_cast<size_t>(page_size));
      return page;
    });
  }

 private:
  int64_t jobs_ = 0;
};

}  // namespace jammi::test
