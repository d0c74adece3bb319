#include "tables/transactor.h"

#include <arrow/record_batch.h>

#include <utility>

#include "catalog/run_again.h"
#include "tables/batch_decoder.h"
#include "tables/read_sql.h"
#include "tables/table_writes.h"

namespace jammi {

// --- One run

template <class Verb>
auto TableTransaction::On(std::string_view table, Verb verb)
    -> std::invoke_result_t<Verb, const std::shared_ptr<const Table>&> {
  if (failed_) return *failed_;
  auto found = store_.Find(tx_, scope_, table);
  if (!found) {
    failed_ = std::move(found).error();
    return *failed_;
  }
  auto result = verb(*found);
  if (!result) failed_ = result.error();
  return result;
}

Result<int64_t> TableTransaction::Write(std::string_view table, Tables::Batches rows, RowChange change) {
  return On(table, [&](const std::shared_ptr<const Table>& found) -> Result<int64_t> {
    JAMMI_ASSIGN(auto batch, RowBatch::Make(found, rows, change));
    if (!found->record().definition.change_topic) return batch.Apply(tx_, kind(), scope_);
    return PublishChanges(*found, ApplyWithChanges(tx_, kind(), scope_, batch, rows));
  });
}

Result<int64_t> TableTransaction::UpdateWhere(std::string_view table, const TableFilter& filter,
                                              const std::shared_ptr<arrow::RecordBatch>& values) {
  return On(table, [&](const std::shared_ptr<const Table>& found) -> Result<int64_t> {
    JAMMI_ASSIGN(auto batch, RowBatch::Make(found, {&values, 1}, RowChange::kAssign));
    if (!found->record().definition.change_topic)
      return jammi::UpdateWhere(tx_, kind(), scope_, filter, batch);
    return PublishChanges(*found, UpdateWithChanges(tx_, kind(), scope_, filter, batch));
  });
}

Result<int64_t> TableTransaction::DeleteWhere(std::string_view table, const TableFilter& filter) {
  return On(table, [&](const std::shared_ptr<const Table>& found) -> Result<int64_t> {
    if (!found->record().definition.change_topic)
      return jammi::DeleteWhere(tx_, kind(), *found, scope_, filter);
    return PublishChanges(*found, DeleteWithChanges(tx_, kind(), *found, scope_, filter));
  });
}

Result<std::shared_ptr<arrow::RecordBatch>> TableTransaction::GetRow(
    std::string_view table, const std::vector<FilterValue>& key, const std::vector<std::string>& columns) {
  return On(table,
            [&](const std::shared_ptr<const Table>& found) -> Result<std::shared_ptr<arrow::RecordBatch>> {
              JAMMI_ASSIGN(const auto places, PlacesOf(*found, columns));
              JAMMI_ASSIGN(const SqlText sql, RowByKey(*found, scope_, key, places));
              JAMMI_ASSIGN(auto decoder, BatchDecoder::Make(*found, places));
              auto read = tx_.Query(sql.text(), sql.params(), [&](const Row& row) -> Result<bool> {
                JAMMI_TRY(decoder.Append(row));
                return true;
              });
              if (!read) return std::move(read).error();
              return decoder.Finish();
            });
}

Result<int64_t> TableTransaction::PublishChanges(const Table& table, Result<RowChanges> changes) {
  if (!changes) return std::move(changes).error();
  if (!changes->events.empty())
    JAMMI_TRY(PublishMany(*table.record().definition.change_topic, changes->events, {}, /*told=*/false));
  return changes->rows;
}

Result<void> TableTransaction::Publish(const TopicId& topic, const std::shared_ptr<arrow::RecordBatch>& batch,
                                       const PublishOptions& options) {
  return PublishMany(topic, {&batch, 1}, options, /*told=*/true);
}

// What has to be read for it cannot be read here; it is remembered then, and the body is run again.
Result<void> TableTransaction::PublishMany(const TopicId& topic, Publisher::Batches batches,
                                           const PublishOptions& options, bool told) {
  if (failed_) return *failed_;
  auto prepared = streams_.PrepareAppend(scope_, topic, batches, options);
  if (!prepared) {
    if (prepared.error().code() == ErrorCode::kInvalidState)
      late_ = LateTopic{topic, {batches.begin(), batches.end()}, options};
    failed_ = std::move(prepared).error();
    return *failed_;
  }
  const auto outcome = std::make_shared<PublishOutcome>();
  prepared->AppendTo(tx_, [outcome](const AppendOutcome& appended) {
    *outcome = {{appended.offset, appended.committed_at}, appended.duplicate};
  });
  published_.push_back({*std::move(prepared), told ? outcome : nullptr});
  return {};
}

// --- All runs

Result<TransactOutcome> Transactor::Run(const Scope& scope, const TransactBody& body, Deadline deadline) {
  for (int run = 1;; ++run) {
    std::optional<LateTopic> late;
    std::vector<TableTransaction::Published> published;
    const auto done = store_.backend().RunTransaction({.deadline = deadline}, [&](Transaction& tx) {
      TableTransaction transaction(tx, store_, streams_, scope);
      Tx handle(transaction);
      auto result = body(handle);
      if (transaction.failed()) result = *transaction.failed();
      late = transaction.late();
      published = std::move(transaction.published());
      return result;
    });
    for (auto& one : published) one.prepared.Settle(done);
    if (done) {
      TransactOutcome outcome;
      for (const auto& one : published) {
        if (one.outcome != nullptr) outcome.published.push_back(*one.outcome);
      }
      return outcome;
    }
    if (run == kMaxRuns) return done.error();
    if (late) {
      // What is read for it is remembered; the publish itself is not made.
      JAMMI_TRY(streams_.PrepareAppend(scope, late->topic, late->batches, late->options));
    } else if (!IsStorageGone(done.error())) {
      return done.error();
    }
  }
}

// --- The handle

Result<int64_t> Tx::Append(std::string_view table, Tables::Batches rows) {
  return inner_.Write(table, rows, RowChange::kAppend);
}

Result<int64_t> Tx::Upsert(std::string_view table, Tables::Batches rows, UpsertMode mode) {
  return inner_.Write(table, rows,
                      mode == UpsertMode::kUpdate ? RowChange::kUpsert : RowChange::kInsertAbsent);
}

Result<int64_t> Tx::Update(std::string_view table, Tables::Batches rows) {
  return inner_.Write(table, rows, RowChange::kUpdate);
}

Result<int64_t> Tx::UpdateWhere(std::string_view table, const TableFilter& filter,
                                const std::shared_ptr<arrow::RecordBatch>& values) {
  return inner_.UpdateWhere(table, filter, values);
}

Result<int64_t> Tx::Delete(std::string_view table, Tables::Batches keys) {
  return inner_.Write(table, keys, RowChange::kDelete);
}

Result<int64_t> Tx::DeleteWhere(std::string_view table, const TableFilter& filter) {
  return inner_.DeleteWhere(table, filter);
}

Result<int64_t> Tx::Truncate(std::string_view table) { return inner_.DeleteWhere(table, {}); }

Result<std::shared_ptr<arrow::RecordBatch>> Tx::GetRow(std::string_view table,
                                                       const std::vector<FilterValue>& key,
                                                       const std::vector<std::string>& columns) {
  return inner_.GetRow(table, key, columns);
}

Result<void> Tx::Publish(const TopicId& topic, const std::shared_ptr<arrow::RecordBatch>& batch,
                         const PublishOptions& options) {
  return inner_.Publish(topic, batch, options);
}

}  // namespace jammi
