// The feeds of the topics in use, by topic: filled by the log's listener, attached to by subscriptions.
// A topic nobody subscribes to has none, and costs one look-up per group of commits.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <thread>
#include <unordered_map>
#include <vector>

#include "trigger/cursor.h"
#include "trigger/topic_entry.h"
#include "trigger/topic_feed.h"

namespace jammi {

// Thread-safe.
class Feeds {
 public:
  // Makes a broker's bell for a topic; it may return null.
  using BellMaker =
      std::function<std::unique_ptr<BrokerBell>(const TopicId& topic, TriggerBroker::Ring ring)>;

  // The log must live until Shutdown() has returned. Every `head_poll` the heads of topics that somebody
  // waits for are read from it: the safety net under the listeners, which do not hear of a commit whose
  // outcome was unknown, and may hear late of other processes; and shared pages that nobody needed since are
  // let go. `incarnation` is the catalog's. With `bells` each topic with a subscription has one, and its head
  // is read when it rings: whatever rings it, and however often, at most every 2 ms, and for half of one
  // thread's time.
  Feeds(EventLog& log, const FeedLimits& limits, int dispatch_threads, int loader_threads,
        std::chrono::milliseconds head_poll = std::chrono::seconds(1), const Uuid& incarnation = {},
        BellMaker bells = nullptr);
  ~Feeds() { Shutdown(); }

  // A cursor over the topic for `reader`, which reads with this entry's version of the schema. Reads the
  // head, and for a start by time looks that up. Errors: as Session::Subscribe.
  [[nodiscard]] Result<std::unique_ptr<Subscription>> Attach(const TopicEntry& topic, const Scope& reader,
                                                             From from, const SubscribeOptions& options);
  [[nodiscard]] Result<std::shared_ptr<Cursor>> MakeCursor(const TopicEntry& topic, const Scope& reader,
                                                           From from, const SubscribeOptions& options);

  // Where `from` is in the topic's log: the offset of the next event, and the log's head then.
  struct Start {
    uint64_t next = 0;
    LogHead head;
  };
  // Errors: kNotFound with TopicNotFoundDetail; kFailedPrecondition with OffsetEvictedDetail or
  // PositionOutdatedDetail; kInvalidArgument: a position of another topic, or of no catalog; the log's.
  [[nodiscard]] Result<Start> FindStart(const TopicEntry& topic, const From& from) const;

  // What the log's listener hears.
  void OnCommitted(std::span<const CommittedEvent> events);

  // The topic is gone: its subscriptions end after what the ring still holds for them.
  void OnDropped(int64_t topic_no);

  // What another process has done to the topic, as the log's head listener hears it.
  void OnHead(int64_t topic_no, uint64_t next_offset);
  // Looks now whether the topic is still there. On a thread that may wait for the catalog. True: it is
  // known to be gone, and its subscriptions end.
  bool CheckDropped(int64_t topic_no);

  // Ends every subscription, lets callbacks finish, ends the threads; the log is not touched after it.
  // Idempotent. Not from a callback.
  void Shutdown();

  [[nodiscard]] const FeedCounters& counters() const { return *runtime_->counters; }
  // Topics that have a feed now.
  [[nodiscard]] size_t size() const;

 private:
  [[nodiscard]] std::shared_ptr<TopicFeed> Find(int64_t topic_no) const;
  [[nodiscard]] std::vector<std::shared_ptr<TopicFeed>> All() const;
  [[nodiscard]] std::shared_ptr<TopicFeed> FindOrMake(const TopicEntry& topic);

  bool ReadHead(TopicFeed& feed) const;  // true: the topic is gone
  void AnswerBells(const std::stop_token& stop) const;
  void PollHeads(const std::stop_token& stop, std::chrono::milliseconds interval) const;

  // Outlives the registry where a subscription does: a feed that dies tells it.
  struct InUse {
    std::weak_ptr<TopicFeed> feed;
    std::shared_ptr<BrokerBell> bell;  // null: there is none
  };
  struct Registry {
    std::mutex mutex;
    std::unordered_map<int64_t, InUse> feeds;
  };
  // Bells that rang. The highest offset that was claimed; absent: look in any case.
  struct Rings {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unordered_map<int64_t, std::optional<uint64_t>> topics;
  };
  const std::shared_ptr<FeedRuntime> runtime_;
  const Uuid incarnation_;
  const std::shared_ptr<Registry> registry_ = std::make_shared<Registry>();
  const std::shared_ptr<Rings> rings_ = std::make_shared<Rings>();
  const BellMaker make_bell_;
  bool shut_ = false;  // guarded by the registry's mutex
  std::jthread poll_;
  std::jthread answer_;  // only with bells
};

}  // namespace jammi
