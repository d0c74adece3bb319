// From the log to the broker: committed events, each topic's in order, on a thread of its own, so that a
// slow or broken broker costs no publisher anything (W-14). Best effort: the event is in the log.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>

#include "catalog/event_log.h"
#include "jammi/trigger.h"
#include "trigger/executor.h"
#include "trigger/topic_entry.h"

namespace jammi {

// Thread-safe.
class Outbox {
 public:
  using Entry = std::shared_ptr<const TopicEntry>;
  using Lookup = std::function<Result<Entry>(int64_t topic_no)>;

  // `lookup` asks the catalog; it runs on the outbox's thread, and not after Shutdown(). A topic's queue
  // holds `max_bytes` of payload at most; beyond it the oldest events miss the broker.
  Outbox(std::shared_ptr<TriggerBroker> broker, Lookup lookup, int64_t max_bytes);
  ~Outbox() { Shutdown(); }
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // Spares the look-up. Of two entries the one with the later version of the schema counts.
  void Know(const Entry& entry);

  // What the log's listener hears. Costs a look into a table where the broker wants nothing.
  void OnCommitted(std::span<const CommittedEvent> events);

  // The topic is gone from the catalog: now from the broker too. Returns when that is done; a failure
  // is logged (TRG-027).
  void Drop(int64_t topic_no, const TopicId& id);

  // What has not gone out yet stays behind. Idempotent.
  void Shutdown();

 private:
  struct TopicQueue {
    Entry entry;  // null: not looked up yet
    std::deque<CommittedEvent> events;
    int64_t bytes = 0;
    uint64_t lost = 0;       // pushed out of the queue since the last event went out
    bool scheduled = false;  // a task on the executor will send
    bool failing = false;    // and it has been logged
  };

  void Enqueue(const CommittedEvent& event);
  void Schedule(int64_t topic_no);
  void Send(int64_t topic_no);
  [[nodiscard]] Result<void> SendOne(Entry& entry, const CommittedEvent& event);
  // Logs the change from working to failing and back.
  void Report(int64_t topic_no, const CommittedEvent& event, const Result<void>& sent);

  const std::shared_ptr<TriggerBroker> broker_;
  const Lookup lookup_;
  const int64_t max_bytes_;

  std::mutex mutex_;
  bool shut_ = false;
  std::unordered_map<int64_t, TopicQueue> queues_;
  Executor thread_{1};
};

}  // namespace jammi
