// Row::Get is strict: a value is of the type that is asked for, or it is an error that names the column.
#include <gtest/gtest.h>

#include <limits>

#include "jammi/catalog_backend.h"

namespace jammi {
namespace {

// A row of given values.
class FakeRow final : public Row {
 public:
  explicit FakeRow(std::vector<std::pair<std::string, SqlValue>> columns) : columns_(std::move(columns)) {}

  Cell At(size_t index) const override { return columns_[index].second.get(); }

 protected:
  bool Read(std::string_view name, Cell& cell) const override {
    for (const auto& [column, value] : columns_) {
      if (column != name) continue;
      cell = value.get();
      return true;
    }
    return false;
  }

 private:
  std::vector<std::pair<std::string, SqlValue>> columns_;
};

void ExpectMismatch(const Error& error, std::string_view column) {
  EXPECT_EQ(error.code(), ErrorCode::kDataLoss);
  const auto* detail = error.As<BackendDetail>();
  ASSERT_NE(detail, nullptr);
  EXPECT_EQ(detail->fault, BackendFault::kTypeConversion);
  EXPECT_EQ(detail->object, column);
  EXPECT_NE(error.message().find(column), std::string::npos) << error.message();
}

TEST(Row, GivesEachTypeAsItIsStored) {
  const uint8_t bytes[] = {1, 0, 2};
  const FakeRow row({{"i", int64_t{1} << 40}, {"d", 2.5}, {"t", "text"}, {"b", SqlBytes(bytes)}, {"yes", 1}});
  EXPECT_EQ(row.Get<int64_t>("i"), int64_t{1} << 40);
  EXPECT_EQ(row.Get<double>("d"), 2.5);
  EXPECT_EQ(row.Get<std::string>("t"), "text");
  EXPECT_EQ(row.Get<std::string_view>("t"), "text");
  EXPECT_EQ(row.Get<SqlBytes>("b")->size(), 3U);
  EXPECT_EQ(row.Get<bool>("yes"), true);
  EXPECT_EQ(row.Get<int32_t>("yes"), 1);
}

TEST(Row, NullNeedsAnOptional) {
  const FakeRow row({{"n", std::nullopt}, {"i", 7}});
  EXPECT_EQ(*row.Get<std::optional<int64_t>>("n"), std::nullopt);
  EXPECT_EQ(*row.Get<std::optional<std::string>>("n"), std::nullopt);
  EXPECT_EQ(**row.Get<std::optional<int64_t>>("i"), 7);
  const auto missing = row.Get<int64_t>("n");
  ASSERT_FALSE(missing);
  ExpectMismatch(missing.error(), "n");
}

TEST(Row, AnotherTypeIsAMismatchThatNamesTheColumn) {
  const FakeRow row({{"i", 7}, {"d", 7.0}, {"t", "7"}});
  ExpectMismatch(row.Get<double>("i").error(), "i");
  ExpectMismatch(row.Get<int64_t>("d").error(), "d");
  ExpectMismatch(row.Get<int64_t>("t").error(), "t");
  ExpectMismatch(row.Get<SqlBytes>("t").error(), "t");
  ExpectMismatch(row.Get<std::string>("i").error(), "i");
  ExpectMismatch(row.Get<std::optional<int64_t>>("t").error(), "t");
}

TEST(Row, AnIntegerOutOfRangeIsAMismatch) {
  const FakeRow row({{"big", int64_t{std::numeric_limits<int32_t>::max()} + 1}, {"two", 2}, {"minus", -1}});
  ExpectMismatch(row.Get<int32_t>("big").error(), "big");
  ExpectMismatch(row.Get<bool>("two").error(), "two");
  ExpectMismatch(row.Get<bool>("minus").error(), "minus");
}

TEST(Row, AColumnThatIsNotThereIsOurBug) {
  const FakeRow row({{"i", 7}});
  EXPECT_EQ(row.Get<int64_t>("j").error().code(), ErrorCode::kInternal);
  EXPECT_EQ(row.Get<std::optional<int64_t>>("j").error().code(), ErrorCode::kInternal);
}

TEST(AssertScope, Rule210RefusesARowOfAnotherScope) {
  const Scope a = Scope::ForTenant(*TenantId::From(Uuid::RandomV4()));
  const Scope b = Scope::ForTenant(*TenantId::From(Uuid::RandomV4()));
  EXPECT_TRUE(Transaction::AssertScope(a, a, "models"));
  EXPECT_TRUE(Transaction::AssertScope(Scope::Global(), Scope::Global(), "models"));
  for (const auto& [session, row] : {std::pair{a, b}, {a, Scope::Global()}, {Scope::Global(), b}}) {
    const auto refused = Transaction::AssertScope(session, row, "models");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kPermissionDenied);
    const auto* detail = refused.error().As<BackendDetail>();
    ASSERT_NE(detail, nullptr);
    EXPECT_EQ(detail->fault, BackendFault::kTenantMismatch);
    EXPECT_EQ(detail->object, "models");
  }
}

}  // namespace
}  // namespace jammi
