// On PostgreSQL rows are fetched in portions that fit into memory, whatever their size.
#include "tables/row_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <string>
#include <vector>

namespace jammi {
namespace {

class NoRow final : public Row {
 public:
  Cell At(size_t) const override { return {}; }

 protected:
  bool Read(std::string_view, Cell&) const override { return false; }
};

// A server with so many rows. It remembers what it was asked.
class FakeCursor final : public Transaction {
 public:
  explicit FakeCursor(int64_t rows) : left_(rows) {}

  void Append(AppendRequest, std::function<void(const AppendOutcome&)>) override {}
  void AfterCommit(std::move_only_function<void()>) override {}

  std::vector<std::string> executed;
  std::vector<int64_t> fetched;  // rows that each FETCH gave

 protected:
  Result<int64_t> ExecuteImpl(std::string_view sql, SqlParams) override {
    executed.emplace_back(sql);
    return 0;
  }
  Result<void> QueryImpl(std::string_view sql, SqlParams, const RowFn& row) override {
    int64_t wanted = 0;
    std::from_chars(sql.data() + std::string_view("FETCH ").size(), sql.data() + sql.size(), wanted);
    const int64_t rows = std::min(wanted, left_);
    left_ -= rows;
    fetched.push_back(rows);
    for (int64_t i = 0; i < rows; ++i) {
      JAMMI_ASSIGN(const bool more, row(NoRow()));
      if (!more) break;
    }
    return {};
  }
  Result<int64_t> InsertRowsImpl(const RowInsert&, const RowInsert::Fill&) override { return 0; }

 private:
  int64_t left_;
};

SqlText Select() {
  SqlText sql;
  sql += "SELECT 1";
  return sql;
}

TEST(RowStream, SmallRowsComeManyAtOnce) {
  FakeCursor cursor(100'000);
  int64_t seen = 0;
  const auto done = StreamRows(cursor, BackendKind::kPostgres, Select(), std::nullopt,
                               [&](const Row&) -> Result<std::optional<int64_t>> {
                                 ++seen;
                                 return 10;
                               });
  ASSERT_TRUE(done);
  EXPECT_EQ(seen, 100'000);
  EXPECT_EQ(cursor.fetched.front(), kFirstFetchRows);
  EXPECT_EQ(cursor.fetched[1], kMostFetchRows);
  EXPECT_EQ(cursor.executed, (std::vector<std::string>{"DECLARE jammi_rows NO SCROLL CURSOR FOR SELECT 1",
                                                       "CLOSE jammi_rows"}));
}

TEST(RowStream, LargeRowsAreNeverMoreThanFitIntoMemory) {
  FakeCursor cursor(1000);
  const int64_t row_bytes = 100'000;
  const auto done = StreamRows(cursor, BackendKind::kPostgres, Select(), std::nullopt,
                               [&](const Row&) -> Result<std::optional<int64_t>> { return row_bytes; });
  ASSERT_TRUE(done);
  for (size_t i = 1; i < cursor.fetched.size(); ++i) EXPECT_LE(cursor.fetched[i] * row_bytes, kFetchBytes);
}

TEST(RowStream, AFetchOfOneRowIsTheLeast) {
  FakeCursor cursor(130);
  const auto done =
      StreamRows(cursor, BackendKind::kPostgres, Select(), std::nullopt,
                 [&](const Row&) -> Result<std::optional<int64_t>> { return 10 * kFetchBytes; });
  ASSERT_TRUE(done);
  EXPECT_EQ(cursor.fetched, (std::vector<int64_t>{kFirstFetchRows, 1, 1, 0}));
}

TEST(RowStream, FewRowsNeedNoCursor) {
  FakeCursor cursor(0);
  const auto none = [](const Row&) -> Result<std::optional<int64_t>> { return 1; };
  ASSERT_TRUE(StreamRows(cursor, BackendKind::kPostgres, Select(), kFirstFetchRows, none));
  EXPECT_TRUE(cursor.executed.empty());
  ASSERT_TRUE(StreamRows(cursor, BackendKind::kPostgres, Select(), kFirstFetchRows + 1, none));
  EXPECT_EQ(cursor.executed.size(), 2U);
}

TEST(RowStream, EndsWhenNoMoreIsWanted) {
  FakeCursor cursor(100'000);
  int64_t seen = 0;
  const auto done = StreamRows(cursor, BackendKind::kPostgres, Select(), std::nullopt,
                               [&](const Row&) -> Result<std::optional<int64_t>> {
                                 if (++seen == 5) return std::nullopt;
                                 return 10;
                               });
  ASSERT_TRUE(done);
  EXPECT_EQ(seen, 5);
  EXPECT_EQ(cursor.fetched.size(), 1U);
  EXPECT_EQ(cursor.executed.back(), "CLOSE jammi_rows");
}

}  // namespace
}  // namespace jammi
