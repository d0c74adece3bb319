// Writes into mutable tables that show it if one was done by halves: for tests of kills, faults and cuts.
// Header only; who includes it links jammi::tables or jammi::engine.
#pragma once

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include "jammi/table_transaction.h"
#include "jammi/tables.h"

namespace jammi::test {

// Tables `left` and `right`, whose rows have the generation of the last transaction, and a topic with an
// event for each; table `bulk`, to which rows are appended many at once.
class WholeWrites {
 public:
  using BatchPtr = std::shared_ptr<arrow::RecordBatch>;
  using TransactFn = std::function<Result<TransactOutcome>(const TransactBody&)>;

  static constexpr int64_t kRows = 50;
  static constexpr int64_t kBulkRows = 2000;

  WholeWrites(Tables tables, TransactFn transact, std::optional<TopicId> topic)
      : tables_(std::move(tables)), transact_(std::move(transact)), topic_(topic) {}

  static std::shared_ptr<arrow::Schema> Schema() {
    static const auto schema =
        arrow::schema({arrow::field("k", arrow::int64(), false), arrow::field("generation", arrow::int64())});
    return schema;
  }

  Result<void> Create() {
    for (const char* id : {"left", "right", "bulk"})
      JAMMI_TRY(tables_.Create({.id = id, .schema = Schema(), .primary_key = {"k"}}));
    JAMMI_TRY(tables_.Append("left", Rows(0, kRows, 0)));
    JAMMI_TRY(tables_.Append("right", Rows(0, kRows, 0)));
    return {};
  }

  // From the generation before this one.
  Result<void> Transact(int64_t generation) {
    const BatchPtr rows = Rows(0, kRows, generation);
    const BatchPtr extra = Rows(1000, 1, generation);
    const BatchPtr value = *rows->Slice(0, 1)->RemoveColumn(0);
    auto done = transact_([&](Tx& tx) -> Result<void> {
      JAMMI_TRY(tx.Upsert("left", {&rows, 1}));
      JAMMI_TRY(tx.UpdateWhere("right", TableFilter::Less("k", kRows / 2), value));
      JAMMI_TRY(tx.Publish(*topic_, extra));
      const BatchPtr others = rows->Slice(kRows / 2);
      JAMMI_TRY(tx.Update("right", {&others, 1}));
      JAMMI_TRY(tx.Append("left", {&extra, 1}));
      JAMMI_TRY(tx.DeleteWhere("left", TableFilter::AtLeast("k", 1000)));
      return {};
    });
    if (!done) return std::move(done).error();
    return {};
  }

  Result<void> Bulk(int64_t generation) {
    JAMMI_TRY(tables_.Append("bulk", Rows(generation * kBulkRows, kBulkRows, generation)));
    return {};
  }

  // The generation of all rows, which must be one of these; `events` are those of the topic.
  int64_t ExpectWhole(int64_t at_least, int64_t at_most, int64_t events) {
    std::set<int64_t> generations;
    for (const char* id : {"left", "right"}) {
      EXPECT_EQ(CountOf(id, {}), kRows) << id;
      Scan(id, [&](const arrow::Int64Array& generation) {
        generations.insert(generation.raw_values(), generation.raw_values() + generation.length());
      });
    }
    EXPECT_EQ(generations.size(), 1U);
    const int64_t generation = *generations.begin();
    EXPECT_GE(generation, at_least);
    EXPECT_LE(generation, at_most);
    EXPECT_EQ(events, generation);
    return generation;
  }

  // All of each bulk write is there, or nothing; whether that of this generation is.
  bool ExpectWholeBulk(int64_t generation) {
    EXPECT_EQ(CountOf("bulk", {}) % kBulkRows, 0);
    const int64_t rows = CountOf("bulk", TableFilter::Equal("generation", generation));
    EXPECT_TRUE(rows == 0 || rows == kBulkRows) << rows;
    return rows > 0;
  }

 private:
  static BatchPtr Rows(int64_t first, int64_t count, int64_t generation) {
    arrow::Int64Builder keys, values;
    for (int64_t i = 0; i < count; ++i) {
      if (!keys.Append(first + i).ok() || !values.Append(generation).ok())
        throw std::runtime_error("out of memory");
    }
    return arrow::RecordBatch::Make(Schema(), count,
                                    {keys.Finish().ValueOrDie(), values.Finish().ValueOrDie()});
  }
  int64_t CountOf(const std::string& id, const TableFilter& filter) {
    const auto count = tables_.CountRows(id, filter);
    if (!count) throw std::runtime_error(count.error().ToString());
    return *count;
  }
  void Scan(const std::string& id, const std::function<void(const arrow::Int64Array&)>& take) {
    const auto end =
        tables_.Scan(id, {.columns = {"generation"}}, [&](const BatchPtr& batch) -> Result<bool> {
          take(static_cast<const arrow::Int64Array&>(*batch->column(0)));
          return true;
        });
    if (!end) throw std::runtime_error(end.error().ToString());
  }

  Tables tables_;
  TransactFn transact_;
  std::optional<TopicId> topic_;
};

}  // namespace jammi::test
