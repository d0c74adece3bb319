// The rows of mutable_tables: what each table is. Every function is part of a transaction.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "catalog/repo_statement.h"
#include "jammi/catalog_backend.h"
#include "tables/definition.h"
#include "tables/table.h"

namespace jammi {

// Every statement, so that a test can look at its plan on each database.
[[nodiscard]] std::span<const RepoStatement> TableStatements();

// "SELECT table_no FROM ...": the number of the table that a scope ($2) finds under an id ($1).
[[nodiscard]] std::string_view TableNumberText();

// Thread-safe. It remembers what tables are, by their numbers: these never get another meaning. Which number
// an id has is asked in each transaction.
class TableRepo {
 public:
  // Adds the row of a table, with a number of its own. Errors: BackendDetail(kUnique): the owner has one.
  [[nodiscard]] Result<std::shared_ptr<const Table>> Insert(Transaction& tx, const Scope& owner,
                                                            const TableDefinition& prepared,
                                                            TableCreator creator);
  // The scope's own table of that id, else the global one; null: neither is there.
  [[nodiscard]] Result<std::shared_ptr<const Table>> Find(Transaction& tx, const Scope& scope,
                                                          std::string_view id);
  // What Find() last answered to this question; null: it is not remembered. It may be another table by now,
  // and the statement that uses it must say which the id means: TableNumberText().
  [[nodiscard]] std::shared_ptr<const Table> LastFound(const Scope& scope, std::string_view id);
  // Deletes the row of a table that `owner` itself owns, and returns what it was; null: there is none.
  [[nodiscard]] Result<std::shared_ptr<const Table>> Delete(Transaction& tx, const Scope& owner,
                                                            std::string_view id);
  // Tables that `owner` itself owns and a user created, from the first id after `after` on.
  [[nodiscard]] Result<std::vector<TableRecord>> List(Transaction& tx, const Scope& owner,
                                                      std::string_view after, int64_t limit);

 private:
  [[nodiscard]] Result<std::shared_ptr<const Table>> Read(const Row& row);
  [[nodiscard]] std::shared_ptr<const Table> Known(int64_t number);
  void Remember(const std::shared_ptr<const Table>& table);
  void RememberFound(const Scope& scope, const std::shared_ptr<const Table>& table);

  std::mutex mutex_;
  std::unordered_map<int64_t, std::shared_ptr<const Table>> tables_;
  std::unordered_map<std::string, std::shared_ptr<const Table>> found_;  // by scope and id
};

}  // namespace jammi
