#include "catalog/admin/digest.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <optional>
#include <string>
#include <type_traits>

#include "base/hash.h"

namespace jammi::admin {
namespace {

template <class T>
Result<SqlValue> ReadValue(const Row& row, std::string_view column) {
  JAMMI_ASSIGN(const auto value, row.Get<std::optional<T>>(column));
  return SqlValue(value);
}

Result<SqlValue> ReadValue(const Row& row, const Column& column) {
  switch (column.type) {
    case ColumnType::kInt:
      return ReadValue<int64_t>(row, column.name);
    case ColumnType::kReal:
      return ReadValue<double>(row, column.name);
    case ColumnType::kText:
      return ReadValue<std::string_view>(row, column.name);
    case ColumnType::kBytes:
      return ReadValue<SqlBytes>(row, column.name);
  }
  return Error(ErrorCode::kInternal, "a column has no type");
}

// A checksum over a sequence of rows. Each value says its type and length, so that none can pass for two.
class RowHash {
 public:
  void Add(SqlParams values) {
    bytes_.assign(reinterpret_cast<const char*>(&state_), sizeof(state_));
    for (const SqlValue& value : values) {
      bytes_ += static_cast<char>(value.get().index());
      std::visit([this](const auto& one) { Put(one); }, value.get());
    }
    state_ = Checksum({reinterpret_cast<const uint8_t*>(bytes_.data()), bytes_.size()});
  }
  [[nodiscard]] uint64_t value() const { return state_; }

 private:
  void Put(std::monostate) {}
  void Put(int64_t value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value)); }
  void Put(double value) { Put(std::bit_cast<int64_t>(value)); }
  void Put(std::string_view value) {
    Put(static_cast<int64_t>(value.size()));
    bytes_.append(value);
  }
  void Put(SqlBytes value) {
    Put(std::string_view(reinterpret_cast<const char*>(value.data()), value.size()));
  }

  uint64_t state_ = 0;
  std::string bytes_;
};

}  // namespace

Result<void> ReadValues(const Table& table, const Row& row, std::vector<SqlValue>& values) {
  values.clear();
  for (const Column& column : table.columns) {
    auto value = ReadValue(row, column);
    if (!value) return std::move(value).error().While(fmt::format("table {}", table.name));
    values.push_back(*value);
  }
  return {};
}

Result<CopiedTable> Digest(Database& database, const Table& table) {
  CopiedTable digest{.name = table.name};
  RowHash hash;
  std::vector<SqlValue> values;
  const auto add = [&](const Row& row) -> Result<bool> {
    JAMMI_TRY(ReadValues(table, row, values));
    hash.Add(values);
    ++digest.rows;
    return true;
  };
  JAMMI_TRY(database.Query(
      fmt::format("SELECT {} FROM {} ORDER BY {}", ColumnList(table), table.name, List(table.key)), add));
  digest.checksum = hash.value();
  return digest;
}

}  // namespace jammi::admin
