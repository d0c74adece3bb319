// Session::Transact(): several tables and topics in one transaction, or nothing of it.
#include "tables/transactor.h"

#include <fmt/format.h>

#include "tables/table_fixture.h"
#include "trigger/codec.h"

namespace jammi::test {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class TransactTest : public TableTest {
 protected:
  TransactTest() {
    Ok(As(kA).Create(Widgets("one")));
    Ok(As(kA).Create(Widgets("two")));
    const StreamsOptions options;
    streams_ = Ok(Streams::Open(*catalog_, options, nullptr));
    topic_ = Ok(streams_->RegisterTopic(kA, "news", WidgetSchema())).id;
  }
  ~TransactTest() override { streams_->Shutdown(); }

  Result<TransactOutcome> Transact(const Scope& scope, const TransactBody& body) {
    return Transactor(store(), *streams_).Run(scope, body, {});
  }
  uint64_t Events() { return Ok(streams_->StatsOf(kA, *topic_)).events; }
  int64_t RowsOf(std::string_view id) { return StoredRows(kA, id)->num_rows(); }

  const std::shared_ptr<arrow::RecordBatch> row_ = WidgetRows(R"([[1, "a"]])");
  const Tables::Batches rows_ = {&row_, 1};
  std::unique_ptr<Streams> streams_;
  std::optional<TopicId> topic_;
};
JAMMI_ON_EVERY_DATABASE(TransactTest);

TEST_P(TransactTest, TablesAndTopicsChangeTogether) {
  for (uint64_t i = 0; i < 2; ++i) {
    const auto outcome = Ok(Transact(kA, [&](Tx& tx) -> Result<void> {
      JAMMI_TRY(tx.Upsert("one", rows_));
      JAMMI_TRY(tx.Publish(*topic_, row_));
      JAMMI_TRY(tx.Upsert("two", rows_));
      return tx.Publish(*topic_, row_);
    }));
    ASSERT_THAT(outcome.published, SizeIs(2));
    EXPECT_EQ(outcome.published[0].offset.value, 2 * i);
    EXPECT_EQ(outcome.published[1].offset.value, 2 * i + 1);
    EXPECT_GT(outcome.published[1].offset.committed_at, 0);
  }
  EXPECT_EQ(RowsOf("one"), 1);
  EXPECT_EQ(RowsOf("two"), 1);
}

TEST_P(TransactTest, AnErrorLeavesNothingOfIt) {
  const auto refused = Transact(kA, [&](Tx& tx) -> Result<void> {
    JAMMI_TRY(tx.Append("one", rows_));
    JAMMI_TRY(tx.Publish(*topic_, row_));
    return Error(ErrorCode::kAborted, "changed my mind");
  });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "changed my mind");
  // Between the insert and the publish.
  EXPECT_EQ(CodeOf(Transact(kA,
                            [&](Tx& tx) -> Result<void> {
                              JAMMI_TRY(tx.Append("one", rows_));
                              throw std::runtime_error("died");
                            })),
            ErrorCode::kInternal);
  EXPECT_EQ(RowsOf("one"), 0);
  EXPECT_EQ(Events(), 0U);
}

// On SQLite some of its rows are written by then.
TEST_P(TransactTest, AVerbThatFailedTakesTheTransactionWithIt) {
  const auto more = WidgetRows(R"([[7, "x"], [8, "y"], [1, "again"]])");
  const auto refused = Transact(kA, [&](Tx& tx) -> Result<void> {
    JAMMI_TRY(tx.Append("one", rows_));
    const auto failed = tx.Append("one", {&more, 1});
    EXPECT_EQ(CodeOf(failed), ErrorCode::kAlreadyExists);
    EXPECT_EQ(CodeOf(tx.Append("two", rows_)), ErrorCode::kAlreadyExists);
    EXPECT_EQ(CodeOf(tx.Publish(*topic_, row_)), ErrorCode::kAlreadyExists);
    return {};  // as if nothing had happened
  });
  EXPECT_NE(Refusal(refused, ErrorCode::kAlreadyExists, TableFault::kDuplicateKey), nullptr);
  EXPECT_EQ(RowsOf("one"), 0);
  EXPECT_EQ(RowsOf("two"), 0);
  EXPECT_EQ(Events(), 0U);
}

TEST_P(TransactTest, ItReadsWhatItHasWritten) {
  Ok(As(kA).Append("one", row_));
  Ok(Transact(kA, [&](Tx& tx) -> Result<void> {
    JAMMI_ASSIGN(const auto before, tx.GetRow("one", {int64_t{1}}));
    EXPECT_TRUE(before->Equals(*row_));
    const auto changed = WidgetRows(R"([[1, "b"], [2, "c"]])");
    JAMMI_TRY(tx.Upsert("one", {&changed, 1}));
    JAMMI_ASSIGN(const auto after, tx.GetRow("one", {int64_t{1}}));
    EXPECT_TRUE(after->Equals(*changed->Slice(0, 1))) << after->ToString();
    JAMMI_ASSIGN(const int64_t gone, tx.DeleteWhere("one", TableFilter::Equal("id", 1)));
    EXPECT_EQ(gone, 1);
    JAMMI_ASSIGN(const auto none, tx.GetRow("one", {int64_t{1}}));
    EXPECT_EQ(none->num_rows(), 0);
    JAMMI_ASSIGN(const int64_t all, tx.Truncate("one"));
    EXPECT_EQ(all, 1);
    return {};
  }));
  EXPECT_EQ(RowsOf("one"), 0);
}

// The topic is looked up where that is allowed, and the body is run again.
TEST_P(TransactTest, ATopicOfAnotherProcessIsFound) {
  const auto elsewhere =
      Ok(TopicRepo(backend()).Register(kA, "elsewhere", Ok(EncodeSchema(*WidgetSchema())), {}));
  int runs = 0;
  const auto outcome = Ok(Transact(kA, [&](Tx& tx) -> Result<void> {
    ++runs;
    JAMMI_TRY(tx.Append("one", rows_));
    return tx.Publish(elsewhere.id, row_);
  }));
  EXPECT_EQ(runs, 2);
  ASSERT_THAT(outcome.published, SizeIs(1));
  EXPECT_EQ(RowsOf("one"), 1);
}

TEST_P(TransactTest, BadPublishesAreRefusedInTheirWords) {
  const auto publish = [&](const Scope& scope, const TopicId& topic,
                           const std::shared_ptr<arrow::RecordBatch>& batch) {
    return CodeOf(Transact(scope, [&](Tx& tx) { return tx.Publish(topic, batch); }));
  };
  EXPECT_EQ(publish(kA, TopicId(Uuid::RandomV4()), row_), ErrorCode::kNotFound);
  EXPECT_EQ(publish(kB, *topic_, row_), ErrorCode::kPermissionDenied);
  EXPECT_EQ(publish(kA, *topic_, nullptr), ErrorCode::kInvalidArgument);
  EXPECT_EQ(
      publish(kA, *topic_, *arrow::RecordBatch::MakeEmpty(arrow::schema({arrow::field("x", arrow::int8())}))),
      ErrorCode::kInvalidArgument);
  EXPECT_EQ(Events(), 0U);
}

TEST_P(TransactTest, ATenantCannotReachAnothersTables) {
  const auto outcome = Transact(kB, [&](Tx& tx) -> Result<void> {
    JAMMI_TRY(tx.Append("one", rows_));
    return {};
  });
  EXPECT_NE(Refusal(outcome, ErrorCode::kNotFound, TableFault::kNotFound), nullptr);
  EXPECT_EQ(RowsOf("one"), 0);
}

}  // namespace
}  // namespace jammi::test
