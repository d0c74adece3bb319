// The records of the lifecycle topic, byte for byte: section 5.2.
#include "ephemeral/lifecycle_record.h"

#include <gtest/gtest.h>

namespace jammi {
namespace {

SessionLifecycleRecord Record(SessionLifecycleEvent event) {
  return {.session_id = "0f8fad5b-d9cb-469f-a165-70867728950e",
          .tenant_id = "7c9e6679-7425-40de-944b-e07fc1f90ae7",
          .event = event,
          .occurred_at = 1'767'323'045'000'006,
          .ephemeral_table_count = 2,
          .deleted_row_count = 35};
}

TEST(LifecycleRecord, OfAnOrdinaryEvent) {
  EXPECT_EQ(ToJson(Record(SessionLifecycleEvent::kTimedOut)),
            R"({"session_id":"0f8fad5b-d9cb-469f-a165-70867728950e",)"
            R"("tenant_id":"7c9e6679-7425-40de-944b-e07fc1f90ae7","event":"timed_out",)"
            R"("occurred_at":"2026-01-02T03:04:05.000006Z","ephemeral_table_count":2,)"
            R"("deleted_row_count":35})");
}

TEST(LifecycleRecord, Trg136OfAPartialDeletionFailure) {
  auto record = Record(SessionLifecycleEvent::kPartialDeletionFailure);
  record.surviving_tables = {"__eph_1", "__eph_2"};
  record.attempted_event = SessionLifecycleEvent::kClosed;
  EXPECT_TRUE(ToJson(record).ends_with(
      R"("details":{"surviving_tables":["__eph_1","__eph_2"],"attempted_event":"closed"}})"));
}

TEST(LifecycleRecord, OfALostEngine) {
  auto record = Record(SessionLifecycleEvent::kTimedOut);
  record.reason = "engine_lost";
  EXPECT_TRUE(ToJson(record).ends_with(R"(,"details":{"reason":"engine_lost"}})"));
}

TEST(LifecycleRecord, NamesOfEvents) {
  EXPECT_EQ(ToString(SessionLifecycleEvent::kOpened), "opened");
  EXPECT_EQ(ToString(SessionLifecycleEvent::kClosed), "closed");
  EXPECT_EQ(ToString(SessionLifecycleEvent::kPartialDeletionFailure), "partial_deletion_failure");
}

}  // namespace
}  // namespace jammi
