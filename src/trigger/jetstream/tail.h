// A subscription of the driver: a consumer of the topic's stream that fills a cursor, never further ahead
// than its buffer.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "jammi/trigger.h"
#include "nats/ordered_consumer.h"
#include "trigger/cursor.h"
#include "trigger/jetstream/topic_log.h"
#include "trigger/topic_feed.h"

namespace jammi {

struct TailStart {
  nats::ConsumerStart where;
  uint64_t lower_bound = 0;  // events below it are not delivered
};

// Thread-safe.
class JetStreamTail final : public nats::OrderedConsumer::Owner {
 public:
  JetStreamTail(std::shared_ptr<TopicTroubles> troubles, const std::shared_ptr<FeedRuntime>& runtime,
                EventCodec codec, Predicate predicate, const TailStart& start);
  ~JetStreamTail() override { Close(); }

  // Begins to receive.
  void Open(std::shared_ptr<nats::Connection> connection, nats::OrderedConsumerOptions options);
  [[nodiscard]] const std::shared_ptr<Cursor>& cursor() const { return cursor_; }
  // The end for its subscriber: with `drain`, after what is buffered.
  void End(bool drain);
  void Close();

  bool OnMessage(std::shared_ptr<const nats::Message> message, const nats::DeliveryPlace& place) override;
  void OnStarted(bool new_stream) override;
  void OnTrouble(const Error& error) override;

 private:
  // What the cursor has left behind makes room.
  void ReleaseTaken();

  const EventCodec codec_;
  const std::shared_ptr<TopicTroubles> troubles_;
  const std::shared_ptr<TopicFeed> feed_;
  const std::shared_ptr<Cursor> cursor_;
  // Of the delivery thread.
  uint64_t next_;      // the lowest offset that is delivered
  bool seen_ = false;  // something was delivered

  std::mutex mutex_;
  std::deque<std::pair<uint64_t, size_t>> held_;  // offset, bytes
  std::unique_ptr<nats::OrderedConsumer> consumer_;
};

[[nodiscard]] std::unique_ptr<Subscription> MakeSubscription(std::shared_ptr<JetStreamTail> tail);

}  // namespace jammi
