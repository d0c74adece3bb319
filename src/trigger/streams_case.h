// What the tests of streams share beyond test_support.h: publishing in bulk, and a driver that fails.
#pragma once

#include <atomic>
#include <functional>
#include <utility>

#include "trigger/memory_broker.h"
#include "trigger/test_support.h"

namespace jammi {

inline std::string KindOf(int64_t i) { return i % 2 == 0 ? "X" : "Y"; }

// A driver that fails at offsets of the test's choice, and can be held up.
class FlakyBroker final : public TriggerBroker {
 public:
  explicit FlakyBroker(std::function<bool(uint64_t)> fails) : fails_(std::move(fails)) {}

  Result<void> RegisterTopic(const Topic& topic) override { return inner_->RegisterTopic(topic); }
  Result<void> DropTopic(const TopicId& topic) override {
    if (drop_fails_) return Error(ErrorCode::kUnavailable, "broker is away", BrokerDetail{"flaky"});
    return inner_->DropTopic(topic);
  }
  Result<Offset> Publish(const TopicId& topic, const std::shared_ptr<arrow::RecordBatch>& batch,
                         UnixMicros produced_at, uint64_t offset,
                         const std::optional<TenantId>& tenant) override {
    reached_.Set();
    if (Event* const until = held_up_) {
      EXPECT_TRUE(until->Wait());
    }
    if (fails_(offset)) return Error(ErrorCode::kUnavailable, "broker is away", BrokerDetail{"flaky"});
    return inner_->Publish(topic, batch, produced_at, offset, tenant);
  }
  Result<std::unique_ptr<Subscription>> Subscribe(const TopicId& topic, Predicate predicate,
                                                  std::optional<uint64_t> from) override {
    return inner_->Subscribe(topic, std::move(predicate), from);
  }
  Result<std::vector<ConsumerOffsetSnapshot>> ListConsumers(const TopicId& topic) override {
    return inner_->ListConsumers(topic);
  }
  bool WantsPublish(const TopicId& /*topic*/) override { return true; }
  [[nodiscard]] BrokerKind driver_kind() const override { return BrokerKind::kInMemory; }

  void HoldUp(Event* until) { held_up_ = until; }
  // The first Publish() has begun.
  Event& reached() { return reached_; }
  void FailDrops() { drop_fails_ = true; }

 private:
  const std::unique_ptr<TriggerBroker> inner_ = NewMemoryBroker();
  const std::function<bool(uint64_t)> fails_;
  Event reached_;
  std::atomic<Event*> held_up_ = nullptr;
  std::atomic<bool> drop_fails_ = false;
};

class StreamsCase : public StreamsTest {
 protected:
  using StreamsTest::StreamsTest;

  // Publishes without waiting for each: groups share commits, so that tests stay quick.
  void PublishMany(const Topic& topic, int64_t begin, int64_t end, const Scope& scope = Scope::Global()) {
    std::atomic<int64_t> left = end - begin;
    Event all;
    for (int64_t i = begin; i < end; ++i) {
      streams_->PublishAsync(scope, topic.id, BatchS(i, KindOf(i)), Soon(), [&](Result<Offset> offset) {
        EXPECT_TRUE(offset) << offset.error().ToString();
        if (--left == 0) all.Set();
      });
    }
    ASSERT_TRUE(begin == end || all.Wait());
  }

  void ReopenWith(std::shared_ptr<TriggerBroker> broker) {
    Close();
    broker_ = std::move(broker);
    Open();
  }

  template <class T>
  static void ExpectNotFound(const Result<T>& result, const std::string& named) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), ErrorCode::kNotFound);
    ASSERT_NE(result.error().template As<TopicNotFoundDetail>(), nullptr);
    EXPECT_EQ(result.error().template As<TopicNotFoundDetail>()->topic, named);
  }
};

}  // namespace jammi
