// The newest events of one topic, for all its subscriptions in this process, whatever version of its schema
// they read with: a ring of frames bounded in bytes, the head of the log as far as it is known here, and a
// doorbell.
//
// The ring is complete from ring_start() to its last frame: whoever is below it reads the log.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "catalog/event_log.h"
#include "trigger/frame.h"
#include "trigger/page_cache.h"

namespace jammi {

// Whoever waits at the head. Wake() is called without locks, on a dispatch thread, at most once for
// each time it was parked.
class Waiter {
 public:
  virtual ~Waiter() = default;
  virtual void Wake() = 0;

 private:
  friend class TopicFeed;
  static constexpr size_t kNotParked = SIZE_MAX;
  size_t parked_slot_ = kNotParked;  // guarded by the feed's mutex
};

struct FeedLimits {
  int64_t ring_bytes = 8 << 20;
  size_t ring_events = SIZE_MAX;
  PageLimit page;  // of a read from the log; its bytes also bound what a cursor takes from the ring at once
  int64_t page_cache_bytes = 8 << 20;  // of the pages that a topic's laggards share
};

// What the feeds of an engine, or of a driver, have in common. It outlives the log: once Stop() has
// returned, nothing here touches it.
struct FeedRuntime {
  FeedRuntime(EventLog* log_or_null, const FeedLimits& feed_limits, int dispatch_threads, int loader_threads)
      : log(log_or_null), limits(feed_limits), dispatch(dispatch_threads), loader(loader_threads) {}

  EventLog* log;  // null: there is no log below the ring
  FeedLimits limits;
  Executor dispatch;  // doorbells and OnReady callbacks
  Executor loader;    // page reads
  const std::shared_ptr<FeedCounters> counters = std::make_shared<FeedCounters>();
};

// A few frames on their way from the ring to one cursor, so that it takes the feed's lock once for all.
class FrameBurst {
 public:
  static constexpr size_t kMaxFrames = 32;

  [[nodiscard]] bool empty() const { return at_ == count_; }
  [[nodiscard]] std::shared_ptr<const Frame> TakeFront() { return std::move(frames_[at_++]); }

 private:
  friend class TopicFeed;
  std::array<std::shared_ptr<const Frame>, kMaxFrames> frames_;
  size_t at_ = 0;
  size_t count_ = 0;
};

// Thread-safe.
class TopicFeed : public std::enable_shared_from_this<TopicFeed> {
 public:
  // `topic_no` is the log's; a driver without a log gives any number.
  TopicFeed(std::shared_ptr<FeedRuntime> runtime, int64_t topic_no);

  [[nodiscard]] FeedRuntime& runtime() const { return *runtime_; }
  [[nodiscard]] int64_t topic_no() const { return topic_no_; }
  [[nodiscard]] PageCache& pages() const { return *pages_; }
  // What the next event gets, as far as this process knows.
  [[nodiscard]] uint64_t head() const { return head_.load(std::memory_order_acquire); }

  // --- Writers: the log's listener, a driver, a page read.

  // Adds frames in ascending order of offset, moves the head behind them, rings. Frames below the ring's
  // end are known already and are dropped. With a log, a gap starts the ring anew behind it.
  void Push(std::span<const std::shared_ptr<const Frame>> frames);
  // There are events below `head`, though their frames did not come here.
  void RaiseHead(uint64_t head);
  // The end for every subscription: with `drain`, after what is in the ring above its position.
  void End(bool drain);
  [[nodiscard]] bool HasWaiters() const;
  // A driver without subscribers keeps nothing.
  void ClearRing();
  // Forgets the frames below an offset that nobody will ask for any more.
  void DropBelow(uint64_t below);

  // --- Cursors.

  enum class Found : uint8_t {
    kFrames,     // the burst holds the frames from `next` on
    kAtHead,     // `next` is to come
    kBelowRing,  // it is in the log, or lost if there is no log
    kEnded,
  };
  // `burst` is empty.
  [[nodiscard]] Found Take(uint64_t next, FrameBurst* burst);
  // False, and nothing is done, if Take(next) would not answer kAtHead. Else `waiter` is woken when it
  // would not any more. Parked already: stays so.
  [[nodiscard]] bool Park(uint64_t next, const std::shared_ptr<Waiter>& waiter);
  void Unpark(Waiter* waiter);
  // For every subscription, whatever its position.
  [[nodiscard]] bool ended() const;
  // The lowest offset that the ring can serve.
  [[nodiscard]] uint64_t ring_start() const;

  // Compiles `sql` for a version of the schema, or finds it compiled by another subscription that is still
  // there.
  [[nodiscard]] Result<std::shared_ptr<const SharedPredicate>> Compile(std::string_view sql,
                                                                       const EventCodec& codec);
  // The same predicate object for all who gave equal ones for the same version.
  [[nodiscard]] std::shared_ptr<const SharedPredicate> Share(Predicate predicate, const EventCodec& codec);

 private:
  enum class State : uint8_t { kOpen, kDraining, kEnded };

  [[nodiscard]] Found FindLocked(uint64_t next) const;
  void AddLocked(const std::shared_ptr<const Frame>& frame);
  // True if somebody waits whom nobody has been sent to wake yet.
  [[nodiscard]] bool MustRingLocked();
  void PostDoorbell();
  void RingDoorbell();

  const std::shared_ptr<FeedRuntime> runtime_;
  const int64_t topic_no_;
  const std::shared_ptr<PageCache> pages_;

  mutable std::mutex mutex_;
  std::atomic<uint64_t> head_ = 0;  // written under mutex_
  State state_ = State::kOpen;
  std::deque<std::shared_ptr<const Frame>> ring_;
  int64_t ring_bytes_ = 0;
  uint64_t ring_start_ = 0;
  uint64_t ring_end_ = 0;  // behind the last frame; ring_start_ when there is none
  std::vector<std::shared_ptr<Waiter>> parked_;
  bool doorbell_posted_ = false;

  std::mutex predicates_mutex_;
  uint64_t next_predicate_id_ = 1;
  // By number of columns and text.
  std::map<std::pair<int, std::string>, std::weak_ptr<const SharedPredicate>, std::less<>> predicates_;
};

}  // namespace jammi
