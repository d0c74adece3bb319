// A table's changes as events of its change topic: in the same transaction, complete, and in order.
#include "tables/change_feed.h"

#include <fmt/format.h>

#include "tables/table_fixture.h"
#include "tables/transactor.h"
#include "trigger/event_reader.h"

namespace jammi::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ChangeFeedTest : public TableTest {
 protected:
  ChangeFeedTest() {
    const StreamsOptions options;
    streams_ = Ok(Streams::Open(*catalog_, options, nullptr));
    feeding_ = std::make_unique<TableStore>(backend(), streams_.get());
    definition_ = Widgets();
    const auto topic = Ok(streams_->RegisterTopic(kGlobal, "widget_changes", ChangeFeedSchema(definition_)));
    definition_.change_topic = topic.id;
    Ok(feeding_->Create(kGlobal, definition_));
  }
  ~ChangeFeedTest() override { streams_->Shutdown(); }

  Tables Feeding(const Scope& scope) { return {{catalog_, feeding_.get()}, scope}; }
  // What a reader of the scope gets, a text for each event.
  std::vector<std::string> Changes(const Scope& scope) {
    std::vector<std::string> all;
    const auto page = Ok(streams_->Read(scope, TopicRef(*definition_.change_topic), From::Offset(0)));
    for (const Delivery& delivery : page.deliveries) {
      std::string text;
      const auto batch = delivery.batch;
      const auto& change = static_cast<const arrow::StringArray&>(*batch->column(0));
      for (int64_t row = 0; row < batch->num_rows(); ++row) {
        text += fmt::format("{}{}", row == 0 ? "" : " ", change.GetView(row));
        for (int i = 1; i < batch->num_columns(); ++i)
          text += fmt::format(":{}", (*batch->column(i)->GetScalar(row))->ToString());
      }
      all.push_back(std::move(text));
    }
    return all;
  }
  static Tables::Batches One(const std::shared_ptr<arrow::RecordBatch>& batch) { return {&batch, 1}; }

  std::unique_ptr<Streams> streams_;
  std::unique_ptr<TableStore> feeding_;
  TableDefinition definition_;
};
JAMMI_ON_EVERY_DATABASE(ChangeFeedTest);

TEST_P(ChangeFeedTest, EveryVerbPublishesWhatItHasDone) {
  auto tables = Feeding(kGlobal);
  EXPECT_EQ(Ok(tables.Append("widgets", WidgetRows(R"([[1, "a"], [2, "b"]])"))), 2);
  const auto upserted = WidgetRows(R"([[2, "c"], [3, null]])");
  EXPECT_EQ(Ok(tables.Upsert("widgets", One(upserted))), 2);
  const auto absent = WidgetRows(R"([[3, "x"], [4, "d"]])");
  EXPECT_EQ(Ok(tables.Upsert("widgets", One(absent), UpsertMode::kIgnore)), 1);
  const auto changed = WidgetRows(R"([[4, "e"], [9, "y"]])");
  EXPECT_EQ(Ok(tables.Update("widgets", One(changed))), 1);
  const auto name = BatchFromJson(arrow::schema({WidgetSchema()->field(1)}), R"([["f"]])");
  EXPECT_EQ(Ok(tables.UpdateWhere("widgets", TableFilter::Equal("id", 4), name)), 1);
  const auto keys = BatchFromJson(arrow::schema({WidgetSchema()->field(0)}), "[[4], [9]]");
  EXPECT_EQ(Ok(tables.Delete("widgets", One(keys))), 1);
  EXPECT_EQ(Ok(tables.DeleteWhere("widgets", TableFilter::Equal("id", 3))), 1);
  EXPECT_EQ(Ok(tables.DeleteWhere("widgets", TableFilter::Equal("id", 77))), 0);
  EXPECT_EQ(Ok(tables.Upsert("widgets", One(WidgetRows("[]")))), 0);
  EXPECT_THAT(Changes(kGlobal), ElementsAre("insert:1:a insert:2:b", "upsert:2:c upsert:3:null", "insert:4:d",
                                            "update:4:e", "update:4:f", "delete:4:null", "delete:3:null"));
}

TEST_P(ChangeFeedTest, OfRowsThatShareAKeyItSaysTheOneThatCounts) {
  auto tables = Feeding(kGlobal);
  const auto rows = WidgetRows(R"([[1, "a"], [2, "b"], [1, "c"], [3, "d"], [3, "e"]])");
  EXPECT_EQ(Ok(tables.Upsert("widgets", One(rows))), 5);
  const auto absent = WidgetRows(R"([[4, "f"], [4, "g"], [2, "h"]])");
  EXPECT_EQ(Ok(tables.Upsert("widgets", One(absent), UpsertMode::kIgnore)), 1);
  EXPECT_THAT(Changes(kGlobal), ElementsAre("upsert:2:b upsert:1:c upsert:3:e", "insert:4:f"));
}

TEST_P(ChangeFeedTest, AWriteThatFailsPublishesNothing) {
  auto tables = Feeding(kGlobal);
  Ok(tables.Append("widgets", WidgetRows(R"([[1, "a"]])")));
  EXPECT_EQ(CodeOf(tables.Append("widgets", WidgetRows(R"([[2, "b"], [1, "c"]])"))),
            ErrorCode::kAlreadyExists);
  const auto row = WidgetRows(R"([[7, "z"]])");
  EXPECT_FALSE(Transactor(*feeding_, *streams_)
                   .Run(kGlobal,
                        [&](Tx& tx) -> Result<void> {
                          JAMMI_TRY(tx.Append("widgets", One(row)));
                          return Error(ErrorCode::kAborted, "no");
                        },
                        {}));
  EXPECT_THAT(Changes(kGlobal), ElementsAre("insert:1:a"));
}

// A change is seen by whoever sees the row.
TEST_P(ChangeFeedTest, ATenantsChangesAreHisOwn) {
  Ok(Feeding(kA).Append("widgets", WidgetRows(R"([[1, "a"]])")));
  Ok(Feeding(kB).Append("widgets", WidgetRows(R"([[1, "b"]])")));
  Ok(Feeding(kGlobal).Append("widgets", WidgetRows(R"([[1, "g"]])")));
  EXPECT_THAT(Changes(kA), ElementsAre("insert:1:a", "insert:1:g"));
  EXPECT_THAT(Changes(kGlobal), ElementsAre("insert:1:g"));
}

TEST_P(ChangeFeedTest, ManyRowsAreSeveralEvents) {
  arrow::Int64Builder ids;
  arrow::StringBuilder names;
  for (int64_t i = 0; i < 10'000; ++i) ASSERT_TRUE(ids.Append(i).ok() && names.Append("n").ok());
  const auto batch = arrow::RecordBatch::Make(WidgetSchema(), 10'000, {*ids.Finish(), *names.Finish()});
  EXPECT_EQ(Ok(Feeding(kA).Append("widgets", batch)), 10'000);
  EXPECT_EQ(Ok(streams_->StatsOf(kGlobal, *definition_.change_topic)).events, 2U);
  EXPECT_EQ(Ok(Feeding(kA).Truncate("widgets")), 10'000);
  EXPECT_EQ(Ok(streams_->StatsOf(kGlobal, *definition_.change_topic)).events, 4U);
}

TEST_P(ChangeFeedTest, TheTopicMustBeTheOwnersAndFit) {
  auto definition = definition_;
  definition.id = "other";
  EXPECT_EQ(CodeOf(feeding_->Create(kA, definition)), ErrorCode::kNotFound);  // a global topic
  definition.change_topic = TopicId(Uuid::RandomV4());
  EXPECT_EQ(CodeOf(feeding_->Create(kGlobal, definition)), ErrorCode::kNotFound);
  definition.change_topic = Ok(streams_->RegisterTopic(kGlobal, "plain", WidgetSchema())).id;
  const auto refused = feeding_->Create(kGlobal, definition);
  EXPECT_EQ(CodeOf(refused), ErrorCode::kFailedPrecondition);
  EXPECT_NE(refused.error().As<SchemaConflictDetail>(), nullptr);
  EXPECT_EQ(Ok(feeding_->Get(kGlobal, "widgets")).definition.change_topic, definition_.change_topic);
}

TEST_P(ChangeFeedTest, WithoutItsTopicATableIsNotChanged) {
  Ok(Feeding(kGlobal).Append("widgets", WidgetRows(R"([[1, "a"]])")));
  Ok(streams_->DropTopic(kGlobal, *definition_.change_topic));
  EXPECT_EQ(CodeOf(Feeding(kGlobal).Append("widgets", WidgetRows(R"([[2, "b"]])"))), ErrorCode::kNotFound);
  EXPECT_EQ(StoredRows(kGlobal, "widgets")->num_rows(), 1);
  EXPECT_TRUE(Feeding(kGlobal).Drop("widgets"));
}

}  // namespace
}  // namespace jammi::test
