// The handle of a body on an SQLite connection.
#pragma once

#include <optional>

#include "catalog/body.h"
#include "catalog/sqlite/connection.h"
#include "jammi/catalog_backend.h"

namespace jammi::sqlite {

class SqliteTransaction final : public Transaction {
 public:
  SqliteTransaction(Connection& connection, BodyEffects& effects) : connection_(connection), effects_(effects) {}

  void Append(AppendRequest request, std::function<void(const AppendOutcome&)> done) override;
  void AfterCommit(std::move_only_function<void()> fn) override;

  // The error with which SQLite rolled the whole transaction back under the body (disk full, I/O error,
  // out of memory). From then on no statement runs: it would run outside of any transaction.
  [[nodiscard]] const std::optional<Error>& lost() const { return lost_; }

 protected:
  [[nodiscard]] Result<int64_t> ExecuteImpl(std::string_view sql, SqlParams params) override;
  [[nodiscard]] Result<void> QueryImpl(std::string_view sql, SqlParams params, const RowFn& row) override;

 private:
  [[nodiscard]] Result<Statement> Start(std::string_view sql, SqlParams params);
  [[nodiscard]] Result<bool> Step(Statement& statement);

  Connection& connection_;
  BodyEffects& effects_;
  std::optional<Error> lost_;
};

}  // namespace jammi::sqlite
