// The statement of a scan.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jammi/table_read.h"
#include "tables/sql_text.h"
#include "tables/table.h"

namespace jammi {

// A row of a storage table belongs to the reader or is global; where both can be in a table, rows of one key
// are told apart by this.
enum class RowOwner : uint8_t { kReader, kGlobal };

// What to read and how to go on behind it. Immutable.
class ScanStatement {
 public:
  // Errors: kInvalidArgument: an argument of the scan, named; those of its filter; a page token that no scan
  // of this table with this order and filter has given.
  [[nodiscard]] static Result<ScanStatement> Make(std::shared_ptr<const Table> table, BackendKind kind,
                                                  const Scope& reader, const TableScan& scan);

  [[nodiscard]] const SqlText& sql() const { return sql_; }
  // How many rows it gives at most; nullopt: any number.
  [[nodiscard]] std::optional<int64_t> most_rows() const { return most_rows_; }
  // Places of the columns that are asked for; they come first in a row of the result.
  [[nodiscard]] const std::vector<size_t>& columns() const { return columns_; }
  // The token of the page that ends with this row of the result; empty if rows have no order.
  // Errors: kDataLoss.
  [[nodiscard]] Result<std::string> TokenAt(const Row& row) const;

 private:
  // Where an earlier scan ended.
  struct Position;

  ScanStatement(std::shared_ptr<const Table> table, BackendKind kind, const Scope& reader);
  [[nodiscard]] Result<void> TakeOrder(TableOrder order);
  [[nodiscard]] Result<void> Write(const TableScan& scan);
  [[nodiscard]] Result<Position> ReadToken(const std::string& token) const;
  void AddBranch(RowOwner owner, const std::string& filter, const Position* after);
  void AddMerged(const std::string& list, const std::string& from, const std::string& filter,
                 const Position* after);
  void AddOrder(bool by_owner);
  [[nodiscard]] bool ordered() const { return !order_.empty(); }

  std::shared_ptr<const Table> table_;
  BackendKind kind_;
  Scope reader_;
  std::vector<RowOwner> owners_;  // whose rows the reader can see in this table
  std::vector<size_t> columns_;
  std::vector<size_t> order_;  // places that rows are ordered by; with the owner they are unique
  std::vector<int> order_at_;  // where each of them is in a row of the result
  int owner_at_ = -1;          // where the owner is in a row of the result; -1: there is but one
  bool descending_ = false;
  std::string list_;  // what page tokens are bound to
  SqlText sql_;
  std::optional<int64_t> most_rows_;
};

}  // namespace jammi
