// On PostgreSQL rows are fetched in portions that fit into memory, whatever their size.
#include "tables/row_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <limits>
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

// Rows of so many bytes each; it wants so many of them.
class Taker final : public RowTaker {
 public:
  explicit Taker(int64_t row_bytes, int64_t most = std::numeric_limits<int64_t>::max())
      : row_bytes_(row_bytes), most_(most) {}

  Result<bool> Take(const Row&) override {
    if (taken == most_) return false;
    ++taken;
    return true;
  }
  int64_t bytes() const override { return taken * row_bytes_; }

  int64_t taken = 0;

 private:
  const int64_t row_bytes_;
  const int64_t most_;
};

TEST(RowStream, SmallRowsComeManyAtOnce) {
  FakeCursor cursor(100'000);
  Taker taker(10);
  ASSERT_TRUE(StreamRows(cursor, BackendKind::kPostgres, Select(), std::nullopt, taker));
  EXPECT_EQ(taker.taken, 100'000);
  EXPECT_EQ(cursor.fetched.front(), kFirstFetchRows);
  EXPECT_EQ(cursor.fetched[1], kMostFetchRows);
  EXPECT_EQ(cursor.executed, (std::vector<std::string>{"DECLARE jammi_rows NO SCROLL CURSOR FOR SELECT 1",
                                                       "CLOSE jammi_rows"}));
}

TEST(RowStream, LargeRowsAreNeverMoreThanFitIntoMemory) {
  FakeCursor cursor(1000);
  const int64_t row_bytes = 100'000;
  Taker taker(row_bytes);
  ASSERT_TRUE(StreamRows(cursor, BackendKind::kPostgres, Select(), std::nullopt, taker));
  EXPECT_EQ(taker.taken, 1000);
  for (size_t i = 1; i < cursor.fetched.size(); ++i) EXPECT_LE(cursor.fetched[i] * row_bytes, kFetchBytes);
}

// How much is fetched follows from the rows just before, not from all.
TEST(RowStream, AFetchOfOneRowIsTheLeast) {
  FakeCursor cursor(130);
  Taker taker(10 * kFetchBytes);
  ASSERT_TRUE(StreamRows(cursor, BackendKind::kPostgres, Select(), std::nullopt, taker));
  EXPECT_EQ(cursor.fetched, (std::vector<int64_t>{kFirstFetchRows, 1, 1, 0}));
}

TEST(RowStream, FewRowsNeedNoCursor) {
  FakeCursor cursor(0);
  Taker none(1);
  ASSERT_TRUE(StreamRows(cursor, BackendKind::kPostgres, Select(), kFirstFetchRows, none));
  EXPECT_TRUE(cursor.executed.empty());
  ASSERT_TRUE(StreamRows(cursor, BackendKind::kPostgres, Select(), kFirstFetchRows + 1, none));
  EXPECT_EQ(cursor.executed.size(), 2U);
}

TEST(RowStream, EndsWhenNoMoreIsWanted) {
  FakeCursor cursor(100'000);
  Taker taker(10, 5);
  ASSERT_TRUE(StreamRows(cursor, BackendKind::kPostgres, Select(), std::nullopt, taker));
  EXPECT_EQ(taker.taken, 5);
  EXPECT_EQ(cursor.fetched.size(), 1U);
  EXPECT_EQ(cursor.executed.back(), "CLOSE jammi_rows");
}

}  // namespace
}  // namespace jammi
