// The event log: offsets, pages, times.
#include "catalog/sqlite/test_catalog.h"

namespace jammi::sqlite {
namespace {

class LogTest : public CatalogTest {};

TEST_F(LogTest, OffsetsAreContiguousFromZeroAndEventsComeBackAsTheyWere) {
  MakeTopic(1);
  for (uint64_t i = 0; i < 5; ++i) {
    const auto appended = log().Append(Event(1, fmt::format("event {}", i)), {});
    JAMMI_OK(appended);
    EXPECT_EQ(appended->offset, i);
  }
  const auto page = log().Read(1, 2, Scope::Global(), {});
  JAMMI_OK(page);
  EXPECT_EQ(page->head.next_offset, 5U);
  ASSERT_EQ(page->events.size(), 3U);
  EXPECT_EQ(page->events[0].offset, 2U);
  EXPECT_EQ(page->events[0].payload->ToString(), "event 2");
}

TEST_F(LogTest, AnAppendToNoTopicIsNotFound) {
  const auto appended = log().Append(Event(7, "x"), {});
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(appended.error().As<TopicNotFoundDetail>(), nullptr);
}

}  // namespace
}  // namespace jammi::sqlite
