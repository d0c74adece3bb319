#include "tables/scan_statement.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <span>

#include "base/hash.h"
#include "catalog/arguments.h"
#include "catalog/page_token.h"
#include "tables/filter_sql.h"
#include "tables/read_sql.h"

namespace jammi {
namespace {

constexpr std::string_view kOwnerColumn = "g";

Result<int64_t> LimitOf(const TableScan& scan) {
  if (*scan.limit < 1) return InvalidArgument("limit", "must be at least 1");
  return std::min(*scan.limit, std::numeric_limits<int64_t>::max() - 1);
}

}  // namespace

struct ScanStatement::Position {
  RowOwner owner = RowOwner::kReader;
  std::vector<PageField> values;  // as many as order_
};

ScanStatement::ScanStatement(std::shared_ptr<const Table> table, BackendKind kind, const Scope& reader)
    : table_(std::move(table)), kind_(kind), reader_(reader) {
  if (!reader.is_global()) owners_.push_back(RowOwner::kReader);
  if (reader.is_global() || SeesTwoOwners(*table_, reader)) owners_.push_back(RowOwner::kGlobal);
}

Result<ScanStatement> ScanStatement::Make(std::shared_ptr<const Table> table, BackendKind kind,
                                          const Scope& reader, const TableScan& scan) {
  ScanStatement statement(std::move(table), kind, reader);
  JAMMI_ASSIGN(statement.columns_, PlacesOf(*statement.table_, scan.columns));
  JAMMI_TRY(statement.TakeOrder(scan.order));
  JAMMI_TRY(statement.Write(scan));
  return statement;
}

Result<void> ScanStatement::TakeOrder(TableOrder order) {
  descending_ = order == TableOrder::kKeyDescending || order == TableOrder::kOrderColumnDescending;
  if (order == TableOrder::kNone) return {};
  if (order == TableOrder::kOrderColumn || order == TableOrder::kOrderColumnDescending) {
    if (table_->order() < 0) {
      return Error(ErrorCode::kInvalidArgument, fmt::format("table '{}' has no order column", table_->id()),
                   TableDetail{TableFault::kNoOrderColumn, table_->id(), {}});
    }
    order_.push_back(static_cast<size_t>(table_->order()));
  }
  for (const int key : table_->key()) {
    const auto place = static_cast<size_t>(key);
    if (std::ranges::find(order_, place) == order_.end()) order_.push_back(place);
  }
  return {};
}

Result<void> ScanStatement::Write(const TableScan& scan) {
  JAMMI_TRY(AddFilter(*table_, scan.filter, sql_));
  const std::string fingerprint = sql_.Fingerprint();
  list_ = fmt::format("table {} {} {:016x}", table_->record().number, static_cast<int>(scan.order),
                      Checksum({reinterpret_cast<const uint8_t*>(fingerprint.data()), fingerprint.size()}));
  const std::string filter = sql_.Take();
  std::optional<Position> after;
  if (!scan.page_token.empty()) {
    JAMMI_ASSIGN(after, ReadToken(scan.page_token));
  }
  const Position* position = after ? &*after : nullptr;
  if (scan.limit) {
    JAMMI_ASSIGN(const int64_t limit, LimitOf(scan));
    most_rows_ = limit + 1;  // one more tells whether there are more
  }

  // What the order needs comes behind what was asked for.
  std::vector<size_t> selected = columns_;
  for (const size_t place : order_) {
    auto found = std::ranges::find(selected, place);
    if (found == selected.end()) found = selected.insert(found, place);
    order_at_.push_back(static_cast<int>(found - selected.begin()));
  }
  const std::string list = NamesOf(*table_, selected);
  const std::string from = FromTable(*table_, kind_, scan.filter);
  if (owners_.size() == 1) {
    sql_ += "SELECT " + list + from;
    AddBranch(owners_.front(), filter, position);
  } else if (!ordered()) {
    sql_ += "SELECT " + list + from;
    AddVisible(*table_, reader_, sql_);
    sql_ += " AND " + filter;
  } else {
    owner_at_ = static_cast<int>(selected.size());
    AddMerged(list, from, filter, position);
  }
  AddOrder(owner_at_ >= 0);
  return {};
}

// Each owner's rows lie in order, and the database merges the two. SQLite does so by itself; PostgreSQL must
// be told that each is to be read in order, and to what end.
void ScanStatement::AddMerged(const std::string& list, const std::string& from, const std::string& filter,
                              const Position* after) {
  const bool postgres = kind_ == BackendKind::kPostgres;
  for (const RowOwner owner : owners_) {
    if (owner != owners_.front()) sql_ += " UNION ALL ";
    if (postgres) sql_ += "(";
    sql_ += fmt::format("SELECT {}, {} AS {}{}", list, static_cast<int>(owner), kOwnerColumn, from);
    AddBranch(owner, filter, after);
    if (postgres) {
      AddOrder(/*by_owner=*/false);
      sql_ += ")";
    }
  }
}

// Of one owner's rows those that match and come behind the position.
void ScanStatement::AddBranch(RowOwner owner, const std::string& filter, const Position* after) {
  sql_ += fmt::format("{} = ", Table::kScopeColumn);
  if (owner == RowOwner::kGlobal) {
    sql_ += "''";
  } else {
    sql_.AddValue(reader_.Key());
  }
  sql_ += " AND " + filter;
  if (after == nullptr) return;
  const bool row = order_.size() > 1;
  const std::string columns = NamesOf(*table_, order_);
  // Of rows with this very key, those of an owner who comes later are still to come.
  const bool with_equal = descending_ ? owner < after->owner : owner > after->owner;
  sql_ += fmt::format(" AND {}{}{} {}{} {}", row ? "(" : "", columns, row ? ")" : "", descending_ ? "<" : ">",
                      with_equal ? "=" : "", row ? "(" : "");
  for (size_t i = 0; i < order_.size(); ++i) {
    if (i > 0) sql_ += ", ";
    const PageField& field = after->values[i];
    if (const auto* number = std::get_if<int64_t>(&field)) {
      sql_.AddValue(*number);
    } else {
      const auto& text = std::get<std::string>(field);
      const bool is_text = table_->codec(order_[i]).kind() == SqlKind::kText;
      if (is_text) {
        sql_.AddValue(text);
      } else {
        sql_.AddValue(SqlBytes(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
      }
    }
  }
  if (row) sql_ += ")";
}

// And the limit.
void ScanStatement::AddOrder(bool by_owner) {
  const std::string_view direction = descending_ ? " DESC" : "";
  std::string_view separator = " ORDER BY ";
  for (const size_t place : order_) {
    sql_ += fmt::format("{}{}{}", separator, table_->column(place), direction);
    separator = ", ";
  }
  if (by_owner) sql_ += fmt::format(", {}{}", kOwnerColumn, direction);
  if (!most_rows_) return;
  sql_ += " LIMIT ";
  sql_.AddValue(*most_rows_);
}

// --- Page tokens: the owner, and what the row is ordered by, as it is stored.

Result<ScanStatement::Position> ScanStatement::ReadToken(const std::string& token) const {
  if (!ordered()) return InvalidArgument("page_token", "goes with an order, and the scan has none");
  std::string shape = "i";
  for (const size_t place : order_) shape += table_->codec(place).kind() == SqlKind::kInteger ? 'i' : 's';
  JAMMI_ASSIGN(auto fields, DecodePageToken(list_, shape, token));
  Position position;
  position.owner = std::get<int64_t>(fields.front()) == 0 ? RowOwner::kReader : RowOwner::kGlobal;
  position.values.assign(std::make_move_iterator(fields.begin() + 1), std::make_move_iterator(fields.end()));
  return position;
}

Result<std::string> ScanStatement::TokenAt(const Row& row) const {
  if (!ordered()) return std::string();
  std::vector<PageField> fields = {static_cast<int64_t>(owners_.front())};
  if (owner_at_ >= 0) fields.front() = std::get<int64_t>(row.At(static_cast<size_t>(owner_at_)));
  for (const int at : order_at_) {
    const Row::Cell cell = row.At(static_cast<size_t>(at));
    if (const auto* number = std::get_if<int64_t>(&cell)) {
      fields.emplace_back(*number);
    } else if (const auto* text = std::get_if<std::string_view>(&cell)) {
      fields.emplace_back(std::string(*text));
    } else if (const auto* bytes = std::get_if<SqlBytes>(&cell)) {
      fields.emplace_back(std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size()));
    } else {
      return Error(ErrorCode::kDataLoss, fmt::format("table '{}' has a key that is null", table_->id()),
                   BackendDetail{BackendFault::kTypeConversion, table_->storage(), {}});
    }
  }
  return EncodePageToken(list_, fields);
}

}  // namespace jammi
