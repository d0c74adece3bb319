// From the log to the broker: committed events, each topic's in order, on a thread of its own and several on
// their way at once, so that a slow or broken broker costs no publisher anything (W-14). Best effort: the
// event is in the log.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <unordered_map>

#include "catalog/event_log.h"
#include "jammi/clock.h"
#include "jammi/trigger.h"
#include "trigger/topic_entry.h"

namespace jammi {

struct OutboxLimits {
  // Of payload, for each topic. While the broker is away the oldest go when newer ones need the room, and are
  // counted as lost to it.
  int64_t queue_bytes = 8 << 20;
  // On their way, all topics together.
  size_t flight_events = 1024;
  int64_t flight_bytes = 8 << 20;
  // The first event goes at once; those that come soon after it go together, this much later, and cost the
  // threads on their way, here and in the broker, one change instead of one each.
  std::chrono::milliseconds gather{1};
  // Before a topic whose events the broker did not take is tried again; doubled each time.
  std::chrono::milliseconds first_pause{100};
  std::chrono::milliseconds longest_pause{2000};
};

// Thread-safe.
class Outbox : public std::enable_shared_from_this<Outbox> {
 public:
  using Entry = std::shared_ptr<const TopicEntry>;
  using Lookup = std::function<Result<Entry>(int64_t topic_no)>;

  // `lookup` asks the catalog; it runs on the outbox's thread, and not after Shutdown().
  [[nodiscard]] static std::shared_ptr<Outbox> Start(std::shared_ptr<TriggerBroker> broker, Lookup lookup,
                                                     const OutboxLimits& limits);
  ~Outbox() { Shutdown(); }
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // Spares the look-up. Of two entries the one with the later version of the schema counts.
  void Know(const Entry& entry);

  // Tells the broker of a new topic, or of one whose schema has grown. Waits for a moment; a broker that
  // takes longer learns of it in the background, and a failure is logged.
  void Register(const Entry& entry);

  // What the log's listener hears. Costs a look into a table where the broker wants nothing.
  void OnCommitted(std::span<const CommittedEvent> events);

  // The topic is gone from the catalog: now from the broker too, with the same patience; a failure is logged
  // (TRG-027).
  void Drop(int64_t topic_no, const TopicId& id);

  [[nodiscard]] FanOutStatus Status(int64_t topic_no) const;

  // Waits until the broker has taken everything that it does not refuse.
  void Drain(Deadline deadline);

  // What has not gone out yet stays behind. Idempotent.
  void Shutdown();

 private:
  using Clock = std::chrono::steady_clock;

  struct Waiting {
    CommittedEvent event;
    enum class State : uint8_t { kWaiting, kSent, kDone } state = State::kWaiting;
  };
  struct TopicQueue {
    Entry entry;                 // null: not looked up yet
    bool registered = false;     // with the broker, by this outbox
    std::deque<Waiting> events;  // by offset, ascending
    size_t next = 0;             // everything before it was sent
    int64_t bytes = 0;
    size_t in_flight = 0;
    bool again = false;      // something failed: from the first that is left on, once nothing is in flight
    bool scheduled = false;  // it has a turn coming
    uint64_t mismatch_at = UINT64_MAX;  // the event that last had another schema than the driver's
    std::chrono::milliseconds pause{0};
    bool loss_logged = false;  // in this outage
    uint64_t lost_before = 0;  // status.lost when this outage began
    FanOutStatus status;
  };

  Outbox(std::shared_ptr<TriggerBroker> broker, Lookup lookup, const OutboxLimits& limits);

  void Command(std::move_only_function<void()> command);
  void EnqueueLocked(const CommittedEvent& event);
  void MakeRoomLocked(TopicQueue& queue);
  void ScheduleLocked(int64_t topic_no, TopicQueue& queue, std::chrono::milliseconds after);

  // The outbox's thread.
  void Run();
  [[nodiscard]] bool HasRoomLocked();
  void TakeTurn(std::unique_lock<std::mutex>& lock, int64_t topic_no);
  [[nodiscard]] Result<Entry> Prepare(std::unique_lock<std::mutex>& lock, int64_t topic_no);
  void Send(const TopicEntry& entry, const CommittedEvent& event);

  // Any thread.
  void OnOutcome(int64_t topic_no, uint64_t offset, int64_t bytes, const Result<Offset>& outcome);
  void FinishLocked(TopicQueue& queue, uint64_t offset);
  void FailLocked(TopicQueue& queue, uint64_t offset, const Error& error);
  void WorksLocked(TopicQueue& queue, uint64_t offset);
  [[nodiscard]] static std::string NameLocked(int64_t topic_no, const TopicQueue& queue);

  const std::shared_ptr<TriggerBroker> broker_;
  const Lookup lookup_;
  const OutboxLimits limits_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool shut_ = false;
  std::unordered_map<int64_t, TopicQueue> queues_;
  std::deque<std::move_only_function<void()>> commands_;
  std::deque<int64_t> turns_;
  std::multimap<Clock::time_point, int64_t> later_;
  size_t flight_events_ = 0;
  int64_t flight_bytes_ = 0;
  bool full_ = false;  // the limits of the flight were reached, and it has not fallen to their half since
  int draining_ = 0;   // callers of Drain()
  bool gathering_ = false;  // the thread knows that there are turns, and waits for more
  Clock::time_point next_pass_{};
  std::mutex join_mutex_;
  std::thread thread_;
};

}  // namespace jammi
