// What is told of what, beyond what the forwarder's test sees.
#include "forwarding/cloud_events.h"

#include <arrow/api.h>
#include <gmock/gmock.h>

#include "catalog/changes.h"

namespace jammi {
namespace {

using testing::HasSubstr;

const TopicId kTopic = *TopicId::Parse("00000000-0000-4000-8000-000000000007");
const EventMaker kMaker("/jammi", "incarnation");

std::shared_ptr<arrow::RecordBatch> Change(const std::string& kind, const std::string& verb,
                                           const std::string& name) {
  const auto text = [](const std::string& value) {
    return *arrow::MakeArrayFromScalar(arrow::StringScalar(value), 1);
  };
  return arrow::RecordBatch::Make(
      ChangesSchema(), 1,
      {text(kind), text(verb), text(""), text(name), *arrow::MakeArrayOfNull(arrow::int64(), 1)});
}
Result<std::optional<events::Event>> Make(ForwardAs as, const std::shared_ptr<arrow::RecordBatch>& batch) {
  const ForwardedFrom from{.topic_no = 7, .id = kTopic, .name = "t", .as = as};
  return kMaker.Make(from, LogEvent{.offset = 5, .committed_at = 1'700'000'000'000'001}, *batch, 0);
}

TEST(CloudEvents, ARecovery) {
  const auto event = Make(ForwardAs::kChanges, Change("result_table", "recovered", "vectors"));
  ASSERT_TRUE(event && *event);
  EXPECT_EQ((*event)->type, "dev.jammi.events.result_table.recovered.v1");
  EXPECT_EQ((*event)->time, "2023-11-14T22:13:20.000001Z");
  EXPECT_EQ((*event)->subject, "vectors");
}

// A name may be what no attribute can hold; it is told all the same.
TEST(CloudEvents, ANameThatNoAttributeCanHold) {
  const auto event = Make(ForwardAs::kChanges, Change("model", "deleted", "a\tb"));
  ASSERT_TRUE(event && *event);
  EXPECT_FALSE((*event)->subject);
  EXPECT_TRUE(events::CheckEvent(**event));
  EXPECT_THAT(std::get<events::JsonData>((*event)->payload).text(), HasSubstr(R"("name":"a\tb")"));
}

TEST(CloudEvents, OfItsOwnConsumersItTellsNothing) {
  const auto own = Make(ForwardAs::kChanges, Change("consumer", "registered", "id/jammi.events"));
  ASSERT_TRUE(own);
  EXPECT_FALSE(*own);
  const auto other = Make(ForwardAs::kChanges, Change("consumer", "registered", "id/indexer"));
  EXPECT_TRUE(other && *other);
}

TEST(CloudEvents, WhatHasOtherColumnsIsNotGuessed) {
  const auto array = *arrow::MakeArrayFromScalar(arrow::Int64Scalar(1), 1);
  const auto batch = arrow::RecordBatch::Make(arrow::schema({arrow::field("n", arrow::int64())}), 1, {array});
  EXPECT_FALSE(Make(ForwardAs::kChanges, batch));
  EXPECT_FALSE(Make(ForwardAs::kAudit, batch));
}

TEST(CloudEvents, AGapNamesWhatIsMissing) {
  const ForwardedFrom from{.topic_no = 7, .id = kTopic, .name = "t"};
  const auto event = kMaker.MakeGap(from, {.first = 3, .next = 9, .reason = "trimmed"}, 0);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->id, "incarnation:00000000-0000-4000-8000-000000000007:gap:3-9");
  EXPECT_EQ(std::get<events::JsonData>(event->payload).text(),
            R"({"firstOffset":3,"nextOffset":9,"reason":"trimmed","topic":"t"})");
  EXPECT_TRUE(events::CheckEvent(*event));
}

}  // namespace
}  // namespace jammi
