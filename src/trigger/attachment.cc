#include "trigger/attachment.h"

#include <fmt/format.h>

#include <utility>

#include "base/sync_point.h"
#include "catalog/lease.h"
#include "trigger/attachments.h"
#include "trigger/repeatable.h"

namespace jammi {
namespace {

Error Closed() { return Error(ErrorCode::kCancelled, "the subscription was closed"); }

}  // namespace

Attachment::Attachment(std::shared_ptr<Attachments> all, const StoredConsumer& consumer,
                       std::shared_ptr<Cursor> cursor, std::chrono::milliseconds close_wait)
    : all_(std::move(all)),
      key_{consumer.topic_no, consumer.owner, consumer.name},
      token_(consumer.lease->token),
      cursor_(std::move(cursor)),
      close_wait_(close_wait),
      progress_(consumer.position),
      expires_at_(consumer.lease->expires_at) {}

// --- The reader ---------------------------------------------------------------------------------------

Result<std::optional<Delivery>> Attachment::Next(Deadline deadline) {
  return cursor_->Next(deadline, [this] { return TryNext(); });
}

Result<Subscription::Polled> Attachment::TryNext() {
  CheckLease();
  auto polled = cursor_->TryNext();
  JAMMI_SYNC_POINT("Attachment::TryNext.polled");
  Record(polled);
  return polled;
}

// The cursor's own position may not be asked by anybody else: it is behind an event before that is delivered.
void Attachment::Record(const Result<Subscription::Polled>& polled) {
  const auto* delivery = polled ? std::get_if<Delivery>(&*polled) : nullptr;
  bool queue = false;
  {
    const std::lock_guard lock(mutex_);
    if (delivery != nullptr) {
      progress_.Delivered(delivery->offset);
    } else {
      progress_.LookedAt(cursor_->position());
    }
    queue = MustQueueLocked();
  }
  if (queue) all_->Queue(shared_from_this(), Attachments::Urgency::kProgress);
}

Result<void> Attachment::Ack(uint64_t offset) {
  CheckLease();
  bool queue = false;
  {
    const std::lock_guard lock(mutex_);
    if (auto refusal = RefusalLocked()) return *std::move(refusal);
    if (!progress_.Ack(offset)) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("consumer {}: event {} was not delivered here, and cannot be acknowledged",
                               key_.name, offset));
    }
    if (!progress_.dirty()) return {};
    queue = MustQueueLocked();
  }
  all_->Queue(queue ? shared_from_this() : nullptr, Attachments::Urgency::kAcks);
  return {};
}

Result<void> Attachment::Flush(Deadline deadline) {
  CheckLease();
  std::unique_lock lock(mutex_);
  const uint64_t wanted = progress_.acked();
  if (progress_.flushed() >= wanted) return {};
  if (auto refusal = RefusalLocked()) return *std::move(refusal);
  const bool queue = MustQueueLocked();
  lock.unlock();
  all_->Queue(queue ? shared_from_this() : nullptr, Attachments::Urgency::kNow);
  lock.lock();
  const auto done = [&] { return progress_.flushed() >= wanted || lost_ || settled_; };
  if (deadline.IsNever()) {
    changed_.wait(lock, done);
  } else {
    changed_.wait_until(lock, deadline.at(), done);
  }
  if (progress_.flushed() >= wanted) return {};
  if (auto refusal = RefusalLocked()) return *std::move(refusal);
  const std::string why = last_failure_ ? last_failure_->ToString() : "it has not been tried yet";
  return Error(ErrorCode::kDeadlineExceeded,
               fmt::format("consumer {}: the acknowledgements are not in the catalog: {}", key_.name, why));
}

void Attachment::Close() {
  cursor_->Close();
  bool queue = false;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(closing_, true)) return;
    queue = !std::exchange(queued_, true);
  }
  all_->QueueLast(queue ? shared_from_this() : nullptr);
  if (cursor_->InCallback()) return;  // others wait for this thread
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, close_wait_, [this] { return settled_; });
}

uint64_t Attachment::acked() const {
  const std::lock_guard lock(mutex_);
  return progress_.acked();
}

uint64_t Attachment::flushed() const {
  const std::lock_guard lock(mutex_);
  return progress_.flushed();
}

ConsumerLease Attachment::lease() const {
  const bool expired = kept_->MustStop();
  const std::lock_guard lock(mutex_);
  return {token_, expires_at_, !expired && !lost_ && !closing_};
}

std::optional<Error> Attachment::RefusalLocked() const { return closing_ ? Closed() : lost_; }

bool Attachment::MustQueueLocked() {
  if (lost_ || closing_ || !progress_.dirty()) return false;
  return !std::exchange(queued_, true);
}

// --- The lease ----------------------------------------------------------------------------------------

void Attachment::Keep(LeaseKeeper::Kept kept) {
  kept_ = std::move(kept);
  on_lost_.emplace(kept_->stop_token(), [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->Lose(self->LostBecause(self->kept_->why().value_or(LeaseEnd::kLost)));
  });
}

void Attachment::CheckLease() { (void)kept_->MustStop(); }

void Attachment::Renewed(UnixMicros expires_at) {
  const std::lock_guard lock(mutex_);
  expires_at_ = expires_at;
}

void Attachment::Heard(const Error& error) {
  const std::lock_guard lock(mutex_);
  heard_ = error;
}

Error Attachment::LostBecause(LeaseEnd end) {
  const std::lock_guard lock(mutex_);
  if (end == LeaseEnd::kLost && heard_) return *heard_;
  return LeaseLost("consumer", key_.name, token_, token_.epoch);
}

void Attachment::Lose(Error why) {
  {
    const std::lock_guard lock(mutex_);
    if (lost_ || settled_) return;
    lost_ = why;
  }
  changed_.notify_all();
  // With its topic the consumer goes; the stream ends by itself then, behind what is buffered.
  const auto* detail = why.As<LeaseLostDetail>();
  const bool consumer_is_gone = detail != nullptr && detail->current_epoch == 0;
  if (!consumer_is_gone || !all_->TopicIsGone(key_.topic_no)) cursor_->Abort(std::move(why));
}

void Attachment::EndLease() { kept_->End(); }

// --- Writing ------------------------------------------------------------------------------------------

std::optional<ConsumerSettlement> Attachment::Pending() {
  const std::lock_guard lock(mutex_);
  queued_ = false;
  if (lost_ || settled_) {
    settled_ = settled_ || closing_;
    changed_.notify_all();
    return std::nullopt;
  }
  const bool release = closing_ || releasing_;
  if (!release && !progress_.dirty()) return std::nullopt;
  ConsumerSettlement settlement{
      .scope = key_.scope, .topic_no = key_.topic_no, .name = key_.name, .token = token_, .release = release};
  if (progress_.dirty()) settlement.position = progress_.acked();
  return settlement;
}

bool Attachment::Settled(const ConsumerSettlement& settlement, const Result<void>& outcome) {
  if (outcome) {
    const std::lock_guard lock(mutex_);
    if (settlement.position) progress_.Flushed(*settlement.position);
    settled_ = settled_ || settlement.release;
    last_failure_.reset();
    changed_.notify_all();
    return true;
  }
  if (!MayRepeat(outcome.error())) {
    Lose(outcome.error());
    const std::lock_guard lock(mutex_);
    settled_ = settled_ || closing_;
    changed_.notify_all();
    return true;
  }
  const std::lock_guard lock(mutex_);
  last_failure_ = outcome.error();
  if (!lost_) return std::exchange(queued_, true);
  settled_ = settled_ || closing_;
  changed_.notify_all();
  return true;
}

void Attachment::Release() {
  const std::lock_guard lock(mutex_);
  releasing_ = true;
}

void Attachment::Abandon(Error why) {
  const std::lock_guard lock(mutex_);
  if (!lost_) lost_ = std::move(why);
  settled_ = true;
  changed_.notify_all();
}

bool Attachment::Over() const {
  const std::lock_guard lock(mutex_);
  return settled_;
}

// --- The handle ---------------------------------------------------------------------------------------

namespace {

class Handle final : public ConsumerSubscription {
 public:
  explicit Handle(std::shared_ptr<Attachment> attachment) : attachment_(std::move(attachment)) {}
  ~Handle() override { Handle::Close(); }

  Result<std::optional<Delivery>> Next(Deadline deadline) override { return attachment_->Next(deadline); }
  Result<Polled> TryNext() override { return attachment_->TryNext(); }
  // A callback that is replaced or dropped may own this handle: what is behind it outlives the call.
  void OnReady(std::move_only_function<void()> ready) override {
    const auto attachment = attachment_;
    attachment->cursor()->OnReady(std::move(ready));
  }
  void OnFlushed(std::move_only_function<void()> ready) override {
    const auto attachment = attachment_;
    attachment->cursor()->OnWake(std::move(ready));
  }
  void Close() override {
    const auto attachment = attachment_;
    attachment->Close();
  }
  [[nodiscard]] SubscriptionId id() const override { return attachment_->cursor()->id(); }
  [[nodiscard]] uint64_t position() const override { return attachment_->cursor()->position(); }
  [[nodiscard]] Position bookmark() const override { return attachment_->cursor()->bookmark(); }
  [[nodiscard]] uint64_t lag() const override { return attachment_->cursor()->lag(); }

  Result<void> Ack(uint64_t offset) override { return attachment_->Ack(offset); }
  Result<void> Flush(Deadline deadline) override { return attachment_->Flush(deadline); }
  [[nodiscard]] uint64_t acked() const override { return attachment_->acked(); }
  [[nodiscard]] uint64_t flushed() const override { return attachment_->flushed(); }
  [[nodiscard]] ConsumerLease lease() const override { return attachment_->lease(); }

 private:
  const std::shared_ptr<Attachment> attachment_;
};

}  // namespace

std::unique_ptr<ConsumerSubscription> MakeConsumerSubscription(std::shared_ptr<Attachment> attachment) {
  return std::make_unique<Handle>(std::move(attachment));
}

}  // namespace jammi
