#include "trigger/cursor.h"

#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <fmt/format.h>

#include <utility>

#include "base/callback.h"
#include "base/sync_point.h"
#include "trigger/topic_entry.h"

namespace jammi {
namespace {

Error Missing(uint64_t offset) {
  return Error(ErrorCode::kDataLoss, fmt::format("event {} is missing in the log", offset));
}

}  // namespace

Cursor::Cursor(std::shared_ptr<TopicFeed> feed, CursorStart start)
    : feed_(std::move(feed)), start_(std::move(start)), next_(start_.next) {}

Position Cursor::bookmark() const {
  Position bookmark = start_.bookmark;
  bookmark.offset = position();
  return bookmark;
}

uint64_t Cursor::lag() const {
  const uint64_t next = position();
  const uint64_t head = feed_->head();
  return head > next ? head - next : 0;
}

uint64_t Cursor::last_pulled() const {
  const uint64_t next = position();
  return next == start_.next ? 0 : next - 1;
}

// --- The consumer's thread ----------------------------------------------------------------------------

Result<Subscription::Polled> Cursor::TryNext() {
  for (;;) {
    if (failed_) return *failed_;
    if (closed()) return Error(ErrorCode::kCancelled, "the subscription was closed");
    if (ended_ || Reached()) return End();
    if (aborted_.load(std::memory_order_acquire)) return FailAborted();
    if (Buffered()) {
      auto delivery = TakeBuffered();
      if (!delivery) return Fail(std::move(delivery).error());
      if (delivery->shared != nullptr) return *std::move(delivery);
      continue;
    }
    if (start_.before_refill) start_.before_refill();
    const auto refill = loading_ ? FillFromPage() : FillFromRing();
    if (!refill) return Fail(refill.error());
    if (*refill == Refill::kNotReady) return Subscription::NotReady{};
    if (*refill == Refill::kEnded) return End();
  }
}

Result<Delivery> Cursor::TakeBuffered() {
  uint64_t offset = position();
  Result<Delivery> delivery = Delivery{};
  if (page_ != nullptr) {
    delivery = LookAtPage(offset);
  } else {
    auto frame = burst_.TakeFront();
    offset = frame->offset();
    const Frame& of = *frame;
    delivery = Look(of, std::move(frame));  // and with it the frame may be gone
  }
  if (!delivery) return std::move(delivery).error().While(fmt::format("event {}", offset));
  next_.store(offset + 1, std::memory_order_release);
  if (page_ != nullptr && offset + 1 == page_->end()) page_.reset();
  return delivery;
}

Result<Delivery> Cursor::LookAtPage(uint64_t offset) const {
  const LogEvent& event = page_->event(offset);
  if (page_->shared() && event.payload != nullptr) return Look(page_->frame(offset), page_);
  const auto& predicate = start_.predicate->predicate;
  if (event.payload != nullptr && !predicate.matches_all()) ++start_.predicate->counters->evaluations;
  return LookAt(event, *start_.reader, start_.codec, predicate, start_.decode);
}

// As LookAt() does.
Result<Delivery> Cursor::Look(const Frame& frame, std::shared_ptr<const void> owner) const {
  Delivery delivery{
      .offset = frame.offset(), .produced_at = frame.committed_at(), .tenant = frame.scope().tenant()};
  if (start_.reader && !start_.reader->Sees(frame.scope())) return delivery;
  if (!start_.decode && start_.predicate->predicate.matches_all()) {
    delivery.shared = frame.Stored(start_.codec);
    if (delivery.shared != nullptr) return delivery;
  }
  JAMMI_ASSIGN(delivery.shared, frame.Select(std::move(owner), start_.codec, *start_.predicate));
  if (delivery.shared != nullptr) delivery.batch = delivery.shared->batch();
  return delivery;
}

Result<Cursor::Refill> Cursor::FillFromRing() {
  const auto found = feed_->Take(position(), &burst_);
  if (found == TopicFeed::Found::kBelowRing) return ReadLog();
  SetLagging(false);
  if (found == TopicFeed::Found::kFrames) return Refill::kFilled;
  return found == TopicFeed::Found::kAtHead ? Refill::kNotReady : Refill::kEnded;
}

Result<Cursor::Refill> Cursor::ReadLog() {
  const uint64_t next = position();
  if (feed_->runtime().log == nullptr) return OffsetEvicted(next, feed_->ring_start());
  SetLagging(true);
  if (auto page = feed_->pages().Find(*start_.reader, next)) return TakePage(std::move(page));
  loading_ = feed_->pages().Load(*start_.reader, next, shared_from_this());
  return loading_ ? Refill::kNotReady : Refill::kEnded;
}

Result<Cursor::Refill> Cursor::FillFromPage() {
  std::optional<Result<std::shared_ptr<const SharedPage>>> loaded;
  {
    const std::lock_guard lock(mutex_);
    if (!loaded_) return Refill::kNotReady;
    loaded.swap(loaded_);
  }
  loading_ = false;
  if (*loaded) return TakePage(std::move(**loaded));
  // The topic was dropped, here or by another process: there is nothing more to come.
  if (loaded->error().code() == ErrorCode::kNotFound) return Refill::kEnded;
  return std::move(*loaded).error();
}

Result<Cursor::Refill> Cursor::TakePage(std::shared_ptr<const SharedPage> page) {
  const uint64_t next = position();
  if (next < page->head().low_water) return OffsetEvicted(next, page->head().low_water);
  feed_->RaiseHead(page->head().next_offset);
  if (!page->Has(next)) return Missing(next);
  page_ = std::move(page);
  return Refill::kFilled;
}

Result<Subscription::Polled> Cursor::End() {
  ended_ = true;
  SetLagging(false);
  return Subscription::End{};
}

Error Cursor::Fail(Error error) {
  failed_ = error;
  burst_ = {};
  page_.reset();
  SetLagging(false);
  return error;
}

Error Cursor::FailAborted() {
  std::unique_lock lock(mutex_);
  Error error = *abort_;
  lock.unlock();
  return Fail(std::move(error));
}

bool Cursor::Arm() {
  const bool over = failed_ || ended_ || closed() || aborted_.load(std::memory_order_acquire);
  if (over || Buffered() || Reached()) return true;
  if (loading_) {
    const std::lock_guard lock(mutex_);
    return loaded_.has_value();
  }
  return !feed_->Park(position(), shared_from_this());
}

bool Cursor::Await(Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    woken_ = false;
  }
  if (Arm()) return true;
  std::unique_lock lock(mutex_);
  const auto ready = [this] { return woken_ || closed(); };
  if (deadline.IsNever()) {
    changed_.wait(lock, ready);
    return true;
  }
  if (deadline.Passed()) return ready();
  return changed_.wait_until(lock, deadline.at(), ready);
}

void Cursor::OnReady(std::move_only_function<void()> ready) {
  OnWake(std::move(ready));
  if (!closed() && Arm()) Wake();
}

void Cursor::OnWake(std::move_only_function<void()> ready) {
  std::move_only_function<void()> replaced;  // dies outside the lock
  {
    const std::lock_guard lock(mutex_);
    if (closed()) return;
    replaced = std::exchange(on_ready_, std::move(ready));
    callback_again_ = false;
  }
}

// --- Other threads ------------------------------------------------------------------------------------

void Cursor::OnPage(Result<std::shared_ptr<const SharedPage>> page) {
  {
    const std::lock_guard lock(mutex_);
    loaded_ = std::move(page);
  }
  Wake();
}

void Cursor::SetLagging(bool lagging) {
  if (lagging_.load(std::memory_order_relaxed) == lagging || lagging_.exchange(lagging) == lagging) return;
  lagging ? feed_->pages().Enter() : feed_->pages().Leave();
}

void Cursor::Wake() {
  bool post = false;
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    if (on_ready_) {
      post = callback_ == Callback::kIdle;
      if (post) callback_ = Callback::kPosted;
      callback_again_ = callback_ == Callback::kRunning;
    }
  }
  changed_.notify_all();
  if (post) PostCallback();
}

void Cursor::PostCallback() {
  // Once the dispatch threads are gone the caller's own is all that is left.
  if (!feed_->runtime().dispatch.Post([self = shared_from_this()] { self->RunCallback(); })) RunCallback();
}

void Cursor::RunCallback() {
  std::unique_lock lock(mutex_);
  if (auto ready = std::exchange(on_ready_, nullptr)) {
    callback_ = Callback::kRunning;
    callback_thread_ = std::this_thread::get_id();
    lock.unlock();
    CallBack("subscription", ready);
    ready = nullptr;  // what it holds dies as part of it
    lock.lock();
  }
  callback_ = Callback::kIdle;
  callback_thread_ = {};
  const bool again = std::exchange(callback_again_, false) && on_ready_ != nullptr;
  if (again) callback_ = Callback::kPosted;
  lock.unlock();
  changed_.notify_all();
  if (again) PostCallback();
}

void Cursor::Abort(Error error) {
  {
    const std::lock_guard lock(mutex_);
    if (abort_) return;
    abort_ = std::move(error);
    aborted_.store(true, std::memory_order_release);
  }
  feed_->Unpark(this);
  Wake();
}

bool Cursor::InCallback() const {
  const std::lock_guard lock(mutex_);
  return callback_ == Callback::kRunning && callback_thread_ == std::this_thread::get_id();
}

void Cursor::Close() {
  std::move_only_function<void()> dropped;  // dies outside the lock
  {
    std::unique_lock lock(mutex_);
    closed_.store(true, std::memory_order_release);
    dropped = std::exchange(on_ready_, nullptr);
    changed_.notify_all();
    changed_.wait(lock, [this] {
      return callback_ != Callback::kRunning || callback_thread_ == std::this_thread::get_id();
    });
  }
  feed_->Unpark(this);
  SetLagging(false);
}

// --- The handle ---------------------------------------------------------------------------------------

namespace {

class SubscriptionHandle final : public Subscription {
 public:
  explicit SubscriptionHandle(std::shared_ptr<Cursor> cursor) : cursor_(std::move(cursor)) {}
  ~SubscriptionHandle() override { SubscriptionHandle::Close(); }

  Result<std::optional<Delivery>> Next(Deadline deadline) override { return cursor_->Next(deadline); }
  Result<Polled> TryNext() override { return cursor_->TryNext(); }
  // A callback that is replaced or dropped may own this handle: the cursor outlives the call.
  void OnReady(std::move_only_function<void()> ready) override {
    const auto cursor = cursor_;
    cursor->OnReady(std::move(ready));
  }
  void Close() override {
    const auto cursor = cursor_;
    cursor->Close();
  }
  [[nodiscard]] SubscriptionId id() const override { return cursor_->id(); }
  [[nodiscard]] uint64_t position() const override { return cursor_->position(); }
  [[nodiscard]] Position bookmark() const override { return cursor_->bookmark(); }
  [[nodiscard]] uint64_t lag() const override { return cursor_->lag(); }

 private:
  const std::shared_ptr<Cursor> cursor_;
};

}  // namespace

std::unique_ptr<Subscription> MakeSubscription(std::shared_ptr<Cursor> cursor) {
  return std::make_unique<SubscriptionHandle>(std::move(cursor));
}

}  // namespace jammi
