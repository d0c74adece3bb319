// Runs the bodies of Session::Transact().
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "jammi/table_transaction.h"
#include "tables/change_feed.h"
#include "tables/table_store.h"
#include "trigger/streams.h"

namespace jammi {

// A publish that could not be prepared in the body, because something had to be read for it.
struct LateTopic {
  TopicId topic;
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  PublishOptions options;
};

// One run of a body.
class TableTransaction {
 public:
  TableTransaction(Transaction& tx, TableStore& store, Streams& streams, const Scope& scope)
      : tx_(tx), store_(store), streams_(streams), scope_(scope) {}

  [[nodiscard]] Result<int64_t> Write(std::string_view table, Tables::Batches rows, RowChange change);
  [[nodiscard]] Result<int64_t> UpdateWhere(std::string_view table, const TableFilter& filter,
                                            const std::shared_ptr<arrow::RecordBatch>& values);
  [[nodiscard]] Result<int64_t> DeleteWhere(std::string_view table, const TableFilter& filter);
  [[nodiscard]] Result<std::shared_ptr<arrow::RecordBatch>> GetRow(std::string_view table,
                                                                   const std::vector<FilterValue>& key,
                                                                   const std::vector<std::string>& columns);
  [[nodiscard]] Result<void> Publish(const TopicId& topic, const std::shared_ptr<arrow::RecordBatch>& batch,
                                     const PublishOptions& options);

  [[nodiscard]] Result<void> PublishMany(const TopicId& topic, Publisher::Batches batches,
                                         const PublishOptions& options, bool told);

  // Of the verb that failed first.
  [[nodiscard]] const std::optional<Error>& failed() const { return failed_; }
  // What must be prepared once outside of the body before it is run again.
  [[nodiscard]] const std::optional<LateTopic>& late() const { return late_; }

  struct Published {
    PreparedAppend prepared;
    std::shared_ptr<PublishOutcome> outcome;  // set after the commit; null: nobody asked
  };
  [[nodiscard]] std::vector<Published>& published() { return published_; }

 private:
  // Publishes them, if the table has a change topic; the rows.
  [[nodiscard]] Result<int64_t> PublishChanges(const Table& table, Result<RowChanges> changes);
  // Calls `verb(table)`, unless one has failed before, and remembers if it fails.
  template <class Verb>
  [[nodiscard]] auto On(std::string_view table, Verb verb)
      -> std::invoke_result_t<Verb, const std::shared_ptr<const Table>&>;

  [[nodiscard]] BackendKind kind() const { return store_.backend().kind(); }

  Transaction& tx_;
  TableStore& store_;
  Streams& streams_;
  const Scope& scope_;
  std::optional<Error> failed_;
  std::optional<LateTopic> late_;
  std::vector<Published> published_;
};

class Transactor {
 public:
  Transactor(TableStore& store, Streams& streams) : store_(store), streams_(streams) {}

  // Errors: Session::Transact().
  [[nodiscard]] Result<TransactOutcome> Run(const Scope& scope, const TransactBody& body, Deadline deadline);

 private:
  TableStore& store_;
  Streams& streams_;
};

}  // namespace jammi
