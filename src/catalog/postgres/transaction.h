// A transaction on one connection: from its first statement to COMMIT or ROLLBACK.
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "catalog/body.h"
#include "catalog/postgres/connection.h"
#include "catalog/postgres/event_writer.h"
#include "jammi/catalog_backend.h"

namespace jammi::postgres {

// kInvalidArgument: a text holds U+0000, which no text of PostgreSQL can.
[[nodiscard]] Result<void> CheckParams(SqlParams params);

// BEGIN goes with the first statement, in the same round trip, and the mark of the transaction with COMMIT
// (see commit_mark.h). At READ COMMITTED a read is a transaction of its own, BEGIN and COMMIT included, in
// one round trip. After a statement has failed, the server runs no other until the end; the error of the
// first is the transaction's.
class PgTransaction final : public Transaction {
 public:
  // `time_shift`: what jammi_now() adds to the server's time in this transaction.
  PgTransaction(Connection& connection, const TxOptions& options, BodyEffects& effects,
                std::chrono::microseconds time_shift);
  // Rolls back what was neither committed nor lost.
  ~PgTransaction() override;

  void Append(AppendRequest request, std::function<void(const AppendOutcome&)> done) override;
  void AfterCommit(std::move_only_function<void()> fn) override;

  // Writes events; nothing but Commit() may follow. Errors: as WriteEvents; kFailedPrecondition with
  // BackendDetail(kReadOnly).
  [[nodiscard]] Result<void> Write(std::vector<PendingAppend>& appends, HeadPlaces& places);

  enum class Verdict {
    kCommitted,
    kRolledBack,
    kUnknown,  // the connection was lost; the mark may tell
  };
  struct Outcome {
    Verdict verdict;
    std::optional<Error> error;  // unless committed
  };
  [[nodiscard]] Outcome Commit();

  [[nodiscard]] bool read_only() const { return options_.read_only; }
  // The error of the statement that failed.
  [[nodiscard]] const std::optional<Error>& failed() const { return failed_; }
  // Of the transaction that Commit() was called for; nullopt: it was read-only.
  [[nodiscard]] const std::optional<CommitMark>& mark() const { return mark_; }

 protected:
  [[nodiscard]] Result<int64_t> ExecuteImpl(std::string_view sql, SqlParams params) override;
  [[nodiscard]] Result<void> QueryImpl(std::string_view sql, SqlParams params, const RowFn& row) override;
  // In insert_rows.cc.
  [[nodiscard]] Result<int64_t> InsertRowsImpl(const RowInsert& insert, const RowInsert::Fill& fill) override;

 private:
  [[nodiscard]] Result<int64_t> CopyRows(const RowInsert& insert, const RowInsert::Fill& fill);
  [[nodiscard]] Result<int64_t> InsertArrays(const RowInsert& insert, const RowInsert::Fill& fill);
  [[nodiscard]] Result<void> Begin();
  [[nodiscard]] Result<ResultSet> Run(std::string_view sql, SqlParams params);
  [[nodiscard]] std::vector<Statement> Opening() const;
  [[nodiscard]] Outcome CommitReads();

  Connection& connection_;
  const TxOptions& options_;
  BodyEffects& effects_;
  const std::string time_shift_;  // empty: none
  const std::array<SqlValue, 1> time_shift_params_;
  std::optional<Error> failed_;
  std::optional<CommitMark> mark_;
  bool ran_ = false;   // a statement
  bool open_ = false;  // BEGIN was sent, and no end was answered
};

}  // namespace jammi::postgres
