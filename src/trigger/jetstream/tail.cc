#include "trigger/jetstream/tail.h"

#include <arrow/record_batch.h>
#include <fmt/format.h>

#include "trigger/jetstream/event_message.h"

namespace jammi {

JetStreamTail::JetStreamTail(std::shared_ptr<TopicTroubles> troubles,
                             const std::shared_ptr<FeedRuntime>& runtime, EventCodec codec,
                             Predicate predicate, const TailStart& start)
    : codec_(std::move(codec)),
      troubles_(std::move(troubles)),
      feed_(std::make_shared<TopicFeed>(runtime, /*topic_no=*/0)),
      cursor_(std::make_shared<Cursor>(
          feed_, CursorStart{.codec = codec_,
                             .next = start.lower_bound,
                             .predicate = feed_->Share(std::move(predicate), codec_),
                             // The cursor is asked through the subscription alone, which keeps us.
                             .before_refill = [this] { ReleaseTaken(); }})),
      next_(start.lower_bound) {}

void JetStreamTail::Open(std::shared_ptr<nats::Connection> connection, nats::OrderedConsumerOptions options) {
  auto consumer = std::make_unique<nats::OrderedConsumer>(std::move(connection), std::move(options), *this);
  const std::lock_guard lock(mutex_);
  consumer_ = std::move(consumer);
}

bool JetStreamTail::OnMessage(std::shared_ptr<const nats::Message> message,
                              const nats::DeliveryPlace& place) {
  const auto event = ReadPlace(*message);
  if (!event) {
    troubles_->Skipped(place.stream_sequence, event.error());
    return false;
  }
  if (event->offset < next_) {
    // Below the bound it was not asked for; behind a later one it came twice.
    if (seen_) {
      const Error again(ErrorCode::kDataLoss,
                        fmt::format("offset {} came behind offset {}", event->offset, next_ - 1));
      troubles_->Skipped(place.stream_sequence, again);
    }
    return false;
  }
  auto batch = ReadBatch(message, *codec_.schema());
  if (!batch) {
    troubles_->Skipped(place.stream_sequence, batch.error());
    return false;
  }
  next_ = event->offset + 1;
  seen_ = true;
  {
    const std::lock_guard lock(mutex_);
    held_.emplace_back(event->offset, message->body().size());
  }
  const auto scope = event->tenant ? Scope::ForTenant(*event->tenant) : Scope::Global();
  const std::shared_ptr<const Frame> frame =
      std::make_shared<const Frame>(event->offset, event->produced_at, scope, std::move(*batch));
  feed_->Push({&frame, 1});
  return true;
}

void JetStreamTail::OnStarted(bool new_stream) {
  if (!new_stream) return;
  troubles_->Note(
      "its stream was lost and made anew; what it held behind the last message is not delivered here");
}

void JetStreamTail::OnTrouble(const Error& error) {
  troubles_->Note(fmt::format("its messages cannot be read now: {}; trying on and on", error.message()));
}

void JetStreamTail::ReleaseTaken() {
  const uint64_t position = cursor_->position();
  size_t messages = 0;
  size_t bytes = 0;
  {
    const std::lock_guard lock(mutex_);
    for (; !held_.empty() && held_.front().first < position; held_.pop_front()) {
      ++messages;
      bytes += held_.front().second;
    }
    if (messages == 0 || consumer_ == nullptr) return;
    consumer_->Release(messages, bytes);
  }
  feed_->DropBelow(position);
}

void JetStreamTail::End(bool drain) { feed_->End(drain); }

void JetStreamTail::Close() {
  std::unique_ptr<nats::OrderedConsumer> consumer;
  {
    const std::lock_guard lock(mutex_);
    consumer = std::move(consumer_);
  }
  consumer.reset();
}

namespace {

class TailSubscription final : public Subscription {
 public:
  explicit TailSubscription(std::shared_ptr<JetStreamTail> tail) : tail_(std::move(tail)) {}
  ~TailSubscription() override { TailSubscription::Close(); }

  Result<std::optional<Delivery>> Next(Deadline deadline) override { return tail_->cursor()->Next(deadline); }
  Result<Polled> TryNext() override { return tail_->cursor()->TryNext(); }
  // A callback that is replaced or dropped may own this handle: the tail outlives the call.
  void OnReady(std::move_only_function<void()> ready) override {
    const auto tail = tail_;
    tail->cursor()->OnReady(std::move(ready));
  }
  void Close() override {
    const auto tail = tail_;
    tail->cursor()->Close();
    tail->Close();
  }
  [[nodiscard]] SubscriptionId id() const override { return tail_->cursor()->id(); }
  [[nodiscard]] uint64_t position() const override { return tail_->cursor()->position(); }
  [[nodiscard]] uint64_t lag() const override { return tail_->cursor()->lag(); }

 private:
  const std::shared_ptr<JetStreamTail> tail_;
};

}  // namespace

std::unique_ptr<Subscription> MakeSubscription(std::shared_ptr<JetStreamTail> tail) {
  return std::make_unique<TailSubscription>(std::move(tail));
}

}  // namespace jammi
