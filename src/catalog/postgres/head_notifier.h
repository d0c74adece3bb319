// Tells other processes on the same database which topics have new events, and hears it from them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "catalog/event_log.h"
#include "catalog/postgres/connection.h"

namespace jammi::postgres {

// One connection and one thread. NOTIFY is sent outside of every publishing transaction, because it
// takes a lock on the whole database through its commit; and once per few milliseconds, whatever was
// published meanwhile. A notification says which topics to look at and no more, because anybody may send
// one: their heads are read. What was missed while the connection was down is found by reading all heads
// after each connect. Once a second only the head of the changes topic is read, so that idle work does not
// grow with what is stored; who waits for another topic looks at its head himself.
//
// Thread-safe.
class HeadNotifier {
 public:
  using OpenFn = std::function<Result<std::unique_ptr<Connection>>(Deadline)>;
  explicit HeadNotifier(OpenFn open) : open_(std::move(open)) {}
  ~HeadNotifier() { Stop(); }
  HeadNotifier(const HeadNotifier&) = delete;
  HeadNotifier& operator=(const HeadNotifier&) = delete;

  // `channel` is the same for all processes on the catalog, and another's for no other catalog.
  void Start(std::string channel);
  // Sends what is still to be sent, if it can, and ends the thread. Idempotent.
  void Stop();

  // Called on the notifier's thread for every head that another process moved, now and then for one that
  // this process moved itself, and at first for all. No call runs when SetListener returns, unless it is
  // called from the listener.
  void SetListener(EventLog::HeadListener listener);

  // This process moved a head, by one event.
  void Ring(int64_t topic_no, uint64_t next_offset);

 private:
  void Loop();
  [[nodiscard]] Result<void> Connect();
  [[nodiscard]] Result<void> Serve();
  [[nodiscard]] Result<void> SendRings();
  [[nodiscard]] Result<bool> Hear();
  [[nodiscard]] Result<void> ReadHeadsInTime();
  [[nodiscard]] Result<void> ReadHeads(const std::vector<int64_t>& topics);
  [[nodiscard]] Result<void> ReadAllHeads();
  void Report(const ResultSet& heads);
  void Report(int64_t topic_no, uint64_t next_offset);
  void WaitForWork();

  const OpenFn open_;
  std::string channel_;
  std::thread thread_;
  int wake_ = -1;  // an eventfd

  std::mutex mutex_;
  std::set<int64_t> rung_;             // topics to tell of
  std::map<int64_t, uint64_t> known_;  // by topic: of offsets below it, the listener knows
  bool stop_ = false;
  bool read_all_ = false;

  std::recursive_mutex listener_mutex_;  // held while the listener runs; it may set another
  EventLog::HeadListener listener_;

  // Of the thread.
  std::unique_ptr<Connection> connection_;
  std::chrono::steady_clock::time_point next_read_{};
  std::chrono::steady_clock::time_point next_ring_{};
};

}  // namespace jammi::postgres
