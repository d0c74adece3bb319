// What is sent, in which order, and what is done with.
#include "forwarding/send_queue.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace jammi {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::optional<events::Event> Event(const std::string& id) { return events::Event{.id = id}; }

// All that may be sent now.
std::vector<uint64_t> Sent(SendQueue& queue) {
  std::vector<uint64_t> ids;
  while (const auto id = queue.Next()) ids.push_back(*id);
  return ids;
}
std::vector<std::string> Names(const SendQueue& queue, const std::vector<uint64_t>& ids) {
  std::vector<std::string> names;
  for (const uint64_t id : ids) names.push_back(queue.event(id).id);
  return names;
}

TEST(SendQueue, APlaceIsReachedWhenAllBeforeItIsDone) {
  SendQueue queue(10);
  for (uint64_t i = 0; i < 3; ++i) queue.Add(Event("e"), 11 + i);
  const auto ids = Sent(queue);
  ASSERT_EQ(ids.size(), 3U);
  queue.Done(ids[1]);
  EXPECT_EQ(queue.position(), 10U) << "the first has no outcome yet";
  queue.Done(ids[0]);
  EXPECT_EQ(queue.position(), 12U);
  queue.Done(ids[2]);
  EXPECT_EQ(queue.position(), 13U);
  EXPECT_TRUE(queue.empty());
}

// The rows of one event: its place is reached with the last.
TEST(SendQueue, RowsOfAnEventAreDoneTogether) {
  SendQueue queue(0);
  queue.Add(Event("a"), 0);
  queue.Add(Event("b"), 1);
  const auto ids = Sent(queue);
  queue.Done(ids[0]);
  EXPECT_EQ(queue.position(), 0U);
  queue.Done(ids[1]);
  EXPECT_EQ(queue.position(), 1U);
}

TEST(SendQueue, WhatTellsNothingWaitsForThoseBeforeIt) {
  SendQueue queue(0);
  queue.Add(std::nullopt, 1);
  EXPECT_EQ(queue.position(), 1U);
  queue.Add(Event("a"), 2);
  queue.Add(std::nullopt, 3);
  EXPECT_EQ(queue.position(), 1U);
  queue.Done(*queue.Next());
  EXPECT_EQ(queue.position(), 3U);
}

TEST(SendQueue, AFailureStopsThoseBehindItUntilAllHaveTheirOutcome) {
  SendQueue queue(0);
  for (uint64_t i = 1; i <= 4; ++i) queue.Add(Event("e" + std::to_string(i)), i);
  const uint64_t first = *queue.Next();
  const uint64_t second = *queue.Next();
  const uint64_t third = *queue.Next();
  queue.Failed(first);
  EXPECT_TRUE(queue.stopped());
  EXPECT_EQ(queue.under_way(), 2U);
  EXPECT_THAT(Sent(queue), IsEmpty());
  queue.Done(second);
  queue.Failed(third);
  EXPECT_EQ(queue.under_way(), 0U);
  queue.Resume();
  EXPECT_THAT(Names(queue, Sent(queue)), ElementsAre("e1", "e3", "e4")) << "the second was taken";
}

TEST(SendQueue, CountsRefusals) {
  SendQueue queue(0);
  queue.Add(Event("a"), 1);
  const uint64_t id = *queue.Next();
  EXPECT_EQ(queue.Refused(id), 1U);
  EXPECT_EQ(queue.Refused(id), 2U);
}

}  // namespace
}  // namespace jammi
