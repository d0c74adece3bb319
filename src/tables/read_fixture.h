// Tables on the database under test, and their rows as values.
#pragma once

#include <arrow/api.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tables/table_fixture.h"

namespace jammi::test {

using BatchPtr = std::shared_ptr<arrow::RecordBatch>;
using Rows = std::vector<arrow::ScalarVector>;

inline BatchPtr MakeBatch(const std::shared_ptr<arrow::Schema>& schema, const Rows& rows) {
  arrow::ArrayVector arrays;
  for (int i = 0; i < schema->num_fields(); ++i) {
    auto builder = arrow::MakeBuilder(schema->field(i)->type()).ValueOrDie();
    for (const auto& row : rows) {
      const auto appended = builder->AppendScalar(*row[static_cast<size_t>(i)]);
      if (!appended.ok()) throw std::runtime_error(appended.ToString());
    }
    arrays.push_back(builder->Finish().ValueOrDie());
  }
  return arrow::RecordBatch::Make(schema, static_cast<int64_t>(rows.size()), std::move(arrays));
}

// Equal down to the bits, but that a NaN is a NaN.
inline testing::AssertionResult SameRows(const BatchPtr& actual, const BatchPtr& expected) {
  const auto exact = arrow::EqualOptions::Defaults().nans_equal(true).signed_zeros_equal(false);
  if (actual != nullptr && actual->Equals(*expected, /*check_metadata=*/false, exact))
    return testing::AssertionSuccess();
  return testing::AssertionFailure() << "actual: " << (actual ? actual->ToString() : "none")
                                     << "\nexpected: " << expected->ToString();
}

class TableReadTest : public TableTest {
 protected:
  // A table of whole numbers and text: k is the key, o the order column, v has an index, t may be null.
  static TableDefinition Numbers(std::string id = "numbers") {
    return {.id = std::move(id),
            .schema = arrow::schema({arrow::field("k", arrow::int64(), false),
                                     arrow::field("o", arrow::int64(), false),
                                     arrow::field("v", arrow::int64()), arrow::field("t", arrow::utf8())}),
            .primary_key = {"k"},
            .indexes = {{.name = "by_v", .columns = {"v"}}},
            .order_column = "o"};
  }
  static arrow::ScalarVector Number(int64_t k, int64_t o, int64_t v, const std::string& t) {
    return {arrow::MakeScalar(k), arrow::MakeScalar(o), arrow::MakeScalar(v), arrow::MakeScalar(t)};
  }
  // One whose order runs against its keys, three to a value.
  static arrow::ScalarVector Number(int64_t k) { return Number(k, -(k / 3), k % 10, std::to_string(k)); }

  void Append(const Scope& scope, std::string_view id, const Rows& rows) {
    auto tables = As(scope);
    const auto record = Ok(tables.Get(id));
    Ok(tables.Append(id, MakeBatch(record.definition.schema, rows)));
  }

  // The integers of the first column of all batches of a scan.
  std::vector<int64_t> Keys(const Scope& scope, std::string_view id, TableScan scan = {}) {
    std::vector<int64_t> keys;
    Ok(As(scope).Scan(id, scan, Collect(keys)));
    return keys;
  }
  static OnTableBatch Collect(std::vector<int64_t>& keys) {
    return [&keys](const BatchPtr& batch) -> Result<bool> {
      const auto more = Integers(batch);
      keys.insert(keys.end(), more.begin(), more.end());
      return true;
    };
  }
  static std::vector<int64_t> Integers(const BatchPtr& batch) {
    const auto& column = static_cast<const arrow::Int64Array&>(*batch->column(0));
    return {column.raw_values(), column.raw_values() + column.length()};
  }
};

}  // namespace jammi::test
