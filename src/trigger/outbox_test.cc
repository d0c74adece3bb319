// The way from the log to the broker, with a broker whose answers the test gives.
#include "trigger/outbox.h"

#include <set>

#include "trigger/test_support.h"

namespace jammi {
namespace {

using testing::ElementsAre;

Error Away() { return Error(ErrorCode::kUnavailable, "the broker is away", BrokerDetail{"scripted"}); }

// Takes events and answers when it is told to, or at once.
class ScriptedBroker final : public TriggerBroker {
 public:
  Result<void> RegisterTopic(const Topic&) override {
    ++registrations;
    return {};
  }
  Result<void> DropTopic(const TopicId&) override { return {}; }
  Result<Offset> Publish(const TopicId&, const std::shared_ptr<arrow::RecordBatch>&, UnixMicros, uint64_t,
                         const std::optional<TenantId>&) override {
    return Away();
  }
  void PublishAsync(const TopicId&, const std::shared_ptr<arrow::RecordBatch>&, UnixMicros, uint64_t offset,
                    const std::optional<TenantId>&, PublishDone done) override {
    if (answer_) {
      taken_.Set();
      if (auto error = answer_(offset)) return done(*error);
      const std::lock_guard lock(mutex_);
      offsets_.push_back(offset);
      changed_.notify_all();
    } else {
      const std::lock_guard lock(mutex_);
      offsets_.push_back(offset);
      waiting_.push_back(std::move(done));
      changed_.notify_all();
      return;
    }
    done(Offset{offset});
  }
  Result<std::unique_ptr<Subscription>> Subscribe(const TopicId&, Predicate,
                                                  std::optional<uint64_t>) override {
    return Away();
  }
  Result<std::vector<ConsumerOffsetSnapshot>> ListConsumers(const TopicId&) override { return Away(); }
  bool WantsPublish(const TopicId&) override { return true; }
  [[nodiscard]] BrokerKind driver_kind() const override { return BrokerKind::kJetStream; }

  // All offsets so far, as soon as there are so many.
  std::vector<uint64_t> Await(size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(30), [&] { return offsets_.size() >= count; }));
    return offsets_;
  }
  void Answer(size_t index, const Result<Offset>& answer) {
    PublishDone done;
    {
      const std::lock_guard lock(mutex_);
      done = std::move(waiting_.at(index));
    }
    done(answer);
  }
  void AnswerAtOnce(std::function<std::optional<Error>(uint64_t)> answer) { answer_ = std::move(answer); }
  Event& taken() { return taken_; }

  std::atomic<int> registrations = 0;

 private:
  std::function<std::optional<Error>(uint64_t)> answer_;  // set before the first event
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<uint64_t> offsets_;
  std::vector<PublishDone> waiting_;
  Event taken_;
};

class OutboxTest : public testing::Test {
 protected:
  OutboxTest() { SetLog(LogLevel::kOff, LogFormat::kText); }
  ~OutboxTest() override {
    if (outbox_ != nullptr) outbox_->Shutdown();
    SetLog(LogLevel::kWarning, LogFormat::kText);
  }

  void Start(OutboxLimits limits = {}) {
    limits.first_pause = std::chrono::milliseconds(1);
    limits.longest_pause = std::chrono::milliseconds(2);
    outbox_ = Outbox::Start(
        broker_,
        [this](int64_t) -> Result<Outbox::Entry> {
          if (dropped_) return TopicNotFound("t");
          return entry_;
        },
        limits);
  }
  void Commit(uint64_t begin, uint64_t end) {
    for (; begin < end; ++begin) {
      const auto encoded = entry_->codec.Encode(*BatchS(static_cast<int64_t>(begin)), 1 << 20);
      const CommittedEvent event{
          .topic_no = 7, .outcome = {begin, 5}, .row_count = 1, .payload = encoded->payload};
      outbox_->OnCommitted({&event, 1});
    }
  }
  bool AwaitStatus(const std::function<bool(const FanOutStatus&)>& condition) {
    const auto give_up = Soon();
    while (!condition(outbox_->Status(7))) {
      if (give_up.Passed()) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }

  const std::shared_ptr<ScriptedBroker> broker_ = std::make_shared<ScriptedBroker>();
  const Outbox::Entry entry_ = std::make_shared<const TopicEntry>(FeedsTestTopic());
  std::atomic<bool> dropped_ = false;
  std::shared_ptr<Outbox> outbox_;

 private:
  static TopicEntry FeedsTestTopic() {
    return {.topic = {.id = TopicId(Uuid::RandomV4()), .name = "t", .schema = SchemaS()},
            .topic_no = 7,
            .codec = *EventCodec::Make(SchemaS())};
  }
};

TEST_F(OutboxTest, EventsGoOutWithoutWaitingForAnswers) {
  Start();
  Commit(0, 40);
  EXPECT_EQ(broker_->Await(40), Range(0, 40));
  EXPECT_EQ(outbox_->Status(7).waiting, 40U);
  for (size_t i = 0; i < 40; ++i) broker_->Answer(i, Offset{i});
  EXPECT_EQ(outbox_->Status(7).waiting, 0U);
  EXPECT_EQ(broker_->registrations, 1);
}

TEST_F(OutboxTest, WhatIsOnItsWayIsBounded) {
  Start({.flight_events = 4});
  Commit(0, 10);
  EXPECT_EQ(broker_->Await(4), Range(0, 4));
  // It goes on when less than half is on its way.
  for (size_t i = 0; i < 3; ++i) broker_->Answer(i, Offset{i});
  EXPECT_EQ(broker_->Await(7), Range(0, 7));
  EXPECT_EQ(outbox_->Status(7).waiting, 7U);
}

// What comes soon after an event goes with the next pass: not lost, and not only when something else comes.
TEST_F(OutboxTest, WhatIsGatheredGoesOutInTime) {
  broker_->AnswerAtOnce([](uint64_t) { return std::nullopt; });
  Start({.gather = std::chrono::milliseconds(20)});
  for (uint64_t i = 0; i < 5; ++i) {
    Commit(2 * i, 2 * i + 2);
    EXPECT_EQ(broker_->Await(2 * i + 2), Range(0, 2 * i + 2));
  }
}

// A broker that is too slow takes one event and misses another all the time: thousands of lines a second said
// so, once.
TEST_F(OutboxTest, ABrokerThatIsTooSlowIsReportedOnce) {
  Start({.queue_bytes = 4096, .flight_events = 1});
  SetLog(LogLevel::kWarning, LogFormat::kText);
  testing::internal::CaptureStderr();
  size_t answered = 0;
  const auto answer = [&] {
    const auto offsets = broker_->Await(answered + 1);
    broker_->Answer(answered, Offset{offsets[answered]});
    ++answered;
  };
  for (uint64_t round = 0; round < 10; ++round) {
    Commit(50 * round, 50 * round + 50);
    answer();
  }
  while (outbox_->Status(7).waiting > 0) answer();
  const std::string said = testing::internal::GetCapturedStderr();
  const auto count = [&](std::string_view text) {
    size_t found = 0;
    for (size_t at = said.find(text); at != std::string::npos; at = said.find(text, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count("too slow or away"), 1U) << said;
  EXPECT_EQ(count("takes events again"), 1U) << said;
}

TEST_F(OutboxTest, WhatFailedIsSentAgainInOrderWhenNothingIsOnItsWay) {
  Start();
  Commit(0, 5);
  broker_->Await(5);
  broker_->Answer(3, Error(ErrorCode::kOutcomeUnknown, "?"));
  broker_->Answer(1, Away());
  Commit(5, 6);
  for (const size_t i : {0, 2, 4}) broker_->Answer(i, Offset{i});
  EXPECT_THAT(broker_->Await(8), ElementsAre(0, 1, 2, 3, 4, 1, 3, 5));
  EXPECT_TRUE(outbox_->Status(7).failing);
  EXPECT_THAT(outbox_->Status(7).last_error, testing::HasSubstr("away"));
  for (size_t i = 5; i < 8; ++i) broker_->Answer(i, Offset{i});
  const auto status = outbox_->Status(7);
  EXPECT_FALSE(status.failing);
  EXPECT_EQ(status.waiting, 0U);
  EXPECT_EQ(status.lost, 0U);
  EXPECT_GT(status.last_error_at, 0) << "what there was is remembered";
}

TEST_F(OutboxTest, WhileTheBrokerIsAwayTheNewestAreKept) {
  std::atomic<bool> away = true;
  broker_->AnswerAtOnce([&](uint64_t) { return away ? std::optional(Away()) : std::nullopt; });
  Start({.queue_bytes = 8192});
  Commit(0, 200);
  ASSERT_TRUE(AwaitStatus([](const auto& status) { return status.failing && status.lost > 100; }));
  away = false;
  ASSERT_TRUE(AwaitStatus([](const auto& status) { return !status.failing && status.waiting == 0; }));
  const uint64_t lost = outbox_->Status(7).lost;
  const auto taken = broker_->Await(200 - lost);
  // The first may be an older one: on its way when room was made, it was spared, and came back.
  EXPECT_LE(taken.front(), lost);
  EXPECT_EQ(std::vector(taken.begin() + 1, taken.end()), Range(lost + 1, 200)) << "the rest came in order";
}

TEST_F(OutboxTest, ABrokerThatForgotTheTopicIsToldAgain) {
  broker_->AnswerAtOnce([this](uint64_t) -> std::optional<Error> {
    if (broker_->registrations < 2) return TopicNotFound("t");
    return std::nullopt;
  });
  Start();
  Commit(0, 3);
  EXPECT_EQ(broker_->Await(3), Range(0, 3));
  EXPECT_EQ(broker_->registrations, 2);
}

TEST_F(OutboxTest, WhatTheBrokerRefusesHoldsUpNothingBehindIt) {
  broker_->AnswerAtOnce([](uint64_t offset) {
    return offset == 1 ? std::optional(Error(ErrorCode::kInvalidArgument, "no")) : std::nullopt;
  });
  Start();
  Commit(0, 4);
  EXPECT_THAT(broker_->Await(3), ElementsAre(0, 2, 3));
  ASSERT_TRUE(AwaitStatus([](const auto& status) { return status.waiting == 0; }));
  EXPECT_EQ(outbox_->Status(7).lost, 1U);
}

TEST_F(OutboxTest, EventsOfADroppedTopicAreForgotten) {
  dropped_ = true;
  Start();
  Commit(0, 3);
  EXPECT_TRUE(AwaitStatus([](const auto& status) { return status.waiting == 0; }));
  EXPECT_EQ(broker_->registrations, 0);
}

TEST_F(OutboxTest, DrainWaitsForTheBrokerAndNotForOneThatIsAway) {
  Start();
  Commit(0, 1);
  broker_->Await(1);
  outbox_->Drain(Deadline::After(std::chrono::milliseconds(1)));
  EXPECT_EQ(outbox_->Status(7).waiting, 1U);
  std::jthread answering([&] { broker_->Answer(0, Offset{0}); });
  outbox_->Drain(Soon());
  EXPECT_EQ(outbox_->Status(7).waiting, 0U);
  Commit(1, 2);
  broker_->Await(2);
  broker_->Answer(1, Away());
  outbox_->Drain(Deadline::Never());
  EXPECT_TRUE(outbox_->Status(7).failing);
}

}  // namespace
}  // namespace jammi
