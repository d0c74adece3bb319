// The handle of a body on an SQLite connection.
#pragma once

#include <optional>

#include "catalog/body.h"
#include "catalog/sqlite/connection.h"
#include "jammi/catalog_backend.h"

namespace jammi::sqlite {

class SqliteTransaction final : public Transaction {
 public:
  // `single_statement`: as in TxOptions.
  SqliteTransaction(Connection& connection, BodyEffects& effects, bool single_statement = false)
      : connection_(connection), effects_(effects), single_statement_(single_statement) {}

  void Append(AppendRequest request, std::function<void(const AppendOutcome&)> done) override;
  void AfterCommit(std::move_only_function<void()> fn) override;

  // The error with which SQLite rolled the whole transaction back under the body (disk full, I/O error,
  // out of memory). From then on no statement runs: it would run outside of any transaction.
  [[nodiscard]] const std::optional<Error>& lost() const { return lost_; }

 protected:
  [[nodiscard]] Result<int64_t> ExecuteImpl(std::string_view sql, SqlParams params) override;
  [[nodiscard]] Result<void> QueryImpl(std::string_view sql, SqlParams params, const RowFn& row) override;
  [[nodiscard]] Result<int64_t> InsertRowsImpl(const RowInsert& insert, const RowInsert::Fill& fill) override;

 private:
  [[nodiscard]] Result<Statement> Prepare(std::string_view sql);
  [[nodiscard]] Result<Statement> Start(std::string_view sql, SqlParams params);
  [[nodiscard]] Result<bool> Step(Statement& statement);

  Connection& connection_;
  BodyEffects& effects_;
  const bool single_statement_;
  bool ran_ = false;  // a statement
  std::optional<Error> lost_;
};

}  // namespace jammi::sqlite
