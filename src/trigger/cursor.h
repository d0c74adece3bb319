// A subscription: a position in a topic, and nothing else while it is idle.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "jammi/trigger.h"
#include "trigger/topic_feed.h"

namespace jammi {

struct CursorStart {
  EventCodec codec;  // the version of the schema that it reads with, to its end
  uint64_t next = 0;
  std::optional<uint64_t> stop_at;  // ends before this offset; absent: follows for ever
  std::optional<Scope> reader;      // sees its own and unscoped events; absent: everything, as a driver does
  std::shared_ptr<const SharedPredicate> predicate;  // bound to that version
  Position bookmark;                                 // the subscription's, but for the offset
  bool decode = true;                                // as SubscribeOptions has it
  // Called by the consumer's thread whenever it has looked at all that it had taken: a driver makes room.
  std::function<void()> before_refill = {};
};

// The state behind a Subscription; outlives its handle while a wake-up or a page is under way.
class Cursor final : public Waiter, public PageTaker, public std::enable_shared_from_this<Cursor> {
 public:
  Cursor(std::shared_ptr<TopicFeed> feed, CursorStart start);
  ~Cursor() override { SetLagging(false); }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  [[nodiscard]] Result<std::optional<Delivery>> Next(Deadline deadline) {
    return Next(deadline, [this] { return TryNext(); });
  }
  // The same by `poll`, which calls TryNext().
  template <class Poll>
  [[nodiscard]] Result<std::optional<Delivery>> Next(Deadline deadline, Poll poll) {
    for (;;) {
      JAMMI_ASSIGN(auto polled, poll());
      if (auto* delivery = std::get_if<Delivery>(&polled)) return std::optional(std::move(*delivery));
      if (std::holds_alternative<Subscription::End>(polled)) return std::optional<Delivery>();
      if (!Await(deadline)) return Error(ErrorCode::kDeadlineExceeded, "no event before the deadline");
    }
  }
  [[nodiscard]] Result<Subscription::Polled> TryNext();
  void OnReady(std::move_only_function<void()> ready);
  // The same for Wake() alone: what TryNext() may have to say calls nobody.
  void OnWake(std::move_only_function<void()> ready);
  void Close();
  // Ends the stream with `error`, unless it has ended; from any thread. What is buffered is not delivered.
  void Abort(Error error);
  // Is this thread inside of its callback?
  [[nodiscard]] bool InCallback() const;

  [[nodiscard]] const SubscriptionId& id() const { return id_; }
  [[nodiscard]] uint64_t position() const { return next_.load(std::memory_order_acquire); }
  [[nodiscard]] Position bookmark() const;
  [[nodiscard]] uint64_t lag() const;
  [[nodiscard]] bool closed() const override { return closed_.load(std::memory_order_acquire); }
  // The offset looked at last, or 0 (TRG-061).
  [[nodiscard]] uint64_t last_pulled() const;

  void Wake() override;
  void OnPage(Result<std::shared_ptr<const SharedPage>> page) override;

 private:
  enum class Refill : uint8_t { kFilled, kNotReady, kEnded };
  enum class Callback : uint8_t { kIdle, kPosted, kRunning };

  // Consumer's thread.
  [[nodiscard]] Result<Refill> FillFromRing();
  [[nodiscard]] Result<Refill> FillFromPage();
  [[nodiscard]] Result<Refill> ReadLog();
  [[nodiscard]] Result<Refill> TakePage(std::shared_ptr<const SharedPage> page);
  // The next buffered event as its subscriber sees it; without `shared` if he sees nothing of it.
  [[nodiscard]] Result<Delivery> TakeBuffered();
  [[nodiscard]] Result<Delivery> LookAtPage(uint64_t offset) const;
  // `owner` keeps the frame alive.
  [[nodiscard]] Result<Delivery> Look(const Frame& frame, std::shared_ptr<const void> owner) const;
  [[nodiscard]] bool Reached() const { return start_.stop_at && position() >= *start_.stop_at; }
  [[nodiscard]] bool Buffered() const { return !burst_.empty() || page_ != nullptr; }
  [[nodiscard]] Result<Subscription::Polled> End();
  [[nodiscard]] Error Fail(Error error);
  [[nodiscard]] Error FailAborted();
  // True if TryNext() may have something to say now; else Wake() comes when it may.
  [[nodiscard]] bool Arm();
  [[nodiscard]] bool Await(Deadline deadline);

  // Other threads.
  // While it reads the log.
  void SetLagging(bool lagging);
  void PostCallback();
  void RunCallback();

  const SubscriptionId id_ = SubscriptionId::Random();
  const std::shared_ptr<TopicFeed> feed_;
  const CursorStart start_;

  // Written by the consumer's thread alone.
  std::atomic<uint64_t> next_;
  FrameBurst burst_;
  std::shared_ptr<const SharedPage> page_;
  bool loading_ = false;
  bool ended_ = false;
  std::optional<Error> failed_;

  std::atomic<bool> closed_ = false;
  std::atomic<bool> aborted_ = false;
  std::atomic<bool> lagging_ = false;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  bool woken_ = false;
  std::optional<Error> abort_;
  std::optional<Result<std::shared_ptr<const SharedPage>>> loaded_;
  std::move_only_function<void()> on_ready_;
  Callback callback_ = Callback::kIdle;
  bool callback_again_ = false;  // woken while it ran
  std::thread::id callback_thread_;
};

[[nodiscard]] std::unique_ptr<Subscription> MakeSubscription(std::shared_ptr<Cursor> cursor);

}  // namespace jammi
