// Bells of a broker: they say when to look, and nothing that they say is believed.
#include <future>

#include "trigger/test_support.h"

namespace jammi {
namespace {

class BellsTest : public FeedsTest {
 protected:
  BellsTest() { StartWithBells(); }

  void StartWithBells() {
    log_.SetListener(nullptr);
    feeds_ = std::make_unique<Feeds>(
        log_, FeedLimits{}, 2, 2, std::chrono::hours(1), Uuid{},
        [this](const TopicId& topic, TriggerBroker::Ring ring) { return Make(topic, std::move(ring)); });
    log_.SetListener([this](std::span<const CommittedEvent> events) { feeds_->OnCommitted(events); });
    log_.set_silent(true);  // what is published is published by another process
  }

  std::unique_ptr<BrokerBell> Make(const TopicId& topic, TriggerBroker::Ring ring) {
    class Bell final : public BrokerBell {
     public:
      explicit Bell(std::atomic<int>& bells) : bells_(bells) { ++bells_; }
      ~Bell() override { --bells_; }

     private:
      std::atomic<int>& bells_;
    };
    EXPECT_EQ(topic, topic_.topic.id);
    ring_ = std::move(ring);
    return std::make_unique<Bell>(bells_);
  }

  ~BellsTest() override { feeds_.reset(); }

  std::atomic<int> bells_ = 0;
  TriggerBroker::Ring ring_;
};

TEST_F(BellsTest, ARingBringsWhatAnotherProcessPublished) {
  const auto subscription = Attach(From::Newest());
  PublishMany(3);
  ring_(2);
  EXPECT_EQ(NextOffsets(*subscription, 3), Range(0, 3));
  PublishMany(1);
  ring_(std::nullopt);  // something may have happened
  EXPECT_EQ(NextOf(*subscription).offset, 3U);
}

TEST_F(BellsTest, ThereIsOneForEachTopicInUse) {
  EXPECT_EQ(bells_, 0);
  auto first = Attach(From::Newest());
  auto second = Attach(From::Newest());
  EXPECT_EQ(bells_, 1);
  first.reset();
  EXPECT_EQ(bells_, 1);
  second.reset();
  EXPECT_EQ(bells_, 0);
  first = Attach(From::Newest());
  EXPECT_EQ(bells_, 1);
  feeds_->Shutdown();
  EXPECT_EQ(bells_, 0);
}

TEST_F(BellsTest, WhatAForgedRingClaimsIsNotBelieved) {
  const auto subscription = Attach(From::Newest());
  PublishMany(1);
  for (const uint64_t claim : {uint64_t{0}, uint64_t{1000}, UINT64_MAX}) ring_(claim);
  EXPECT_EQ(NextOf(*subscription).offset, 0U);
  ring_(5000);
  ExpectNothing(*subscription);
  EXPECT_EQ(subscription->lag(), 0U);
}

TEST_F(BellsTest, AFloodOfRingsCostsFewReads) {
  const auto subscription = Attach(From::Newest());
  constexpr int kReads = 20;
  const int before = log_.head_reads();
  const auto began = std::chrono::steady_clock::now();
  for (uint64_t i = 0; log_.head_reads() - before < kReads; ++i) ring_(UINT64_MAX - i);
  EXPECT_GE(std::chrono::steady_clock::now() - began, (kReads - 1) * std::chrono::milliseconds(2));
  PublishMany(1);
  ring_(std::nullopt);
  EXPECT_EQ(NextOf(*subscription).offset, 0U) << "and a true one is heard behind them";
}

// What rings while a look is under way is one look more, if one of them says that there is something new.
TEST_F(BellsTest, OfRingsThatComeTogetherTheOneThatSaysMostCounts) {
  const auto subscription = Attach(From::Newest());
  PublishMany(1);
  ring_(0);
  EXPECT_EQ(NextOf(*subscription).offset, 0U);
  uint64_t next = 1;
  for (const bool vague : {false, true}) {
    std::promise<void> looked;
    std::promise<void> go_on;
    std::atomic<bool> first = true;
    log_.set_after_head_read([&] {
      if (!first.exchange(false)) return;
      looked.set_value();
      go_on.get_future().wait();
    });
    ring_(next);
    looked.get_future().wait();
    PublishMany(1);
    ring_(vague ? std::nullopt : std::optional(next));
    ring_(0);  // the echo of an old one
    go_on.set_value();
    EXPECT_EQ(NextOf(*subscription).offset, next++);
    log_.set_after_head_read(nullptr);
  }
}

TEST_F(BellsTest, WhatIsKnownAlreadyIsNotReadAgain) {
  log_.set_silent(false);
  const auto subscription = Attach(From::Newest());
  PublishMany(10);
  EXPECT_EQ(NextOffsets(*subscription, 10), Range(0, 10));
  const int before = log_.head_reads();
  std::promise<void> answered;
  SetSyncPoint("Feeds::AnswerBells.answered", [&, once = std::make_shared<std::once_flag>()] {
    std::call_once(*once, [&] { answered.set_value(); });
  });
  ring_(9);  // the echo of what this process published
  answered.get_future().wait();
  ClearSyncPoints();
  EXPECT_EQ(log_.head_reads(), before);
  log_.set_silent(true);
  PublishMany(1);
  ring_(10);
  EXPECT_EQ(NextOf(*subscription).offset, 10U);
  EXPECT_EQ(log_.head_reads() - before, 1);
}

}  // namespace
}  // namespace jammi
