// Tells other processes on the same database which topics have new events, and hears it from them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>

#include "catalog/event_log.h"
#include "catalog/postgres/connection.h"

namespace jammi::postgres {

// One connection and one thread. NOTIFY is sent outside of every publishing transaction, because it
// takes a lock on the whole database through its commit; and once per few milliseconds, whatever was
// published meanwhile. What a notification cannot tell, because a process died before it sent it or the
// connection was down, is found by reading all heads: after each connect, and once a second while
// somebody listens.
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

  // Called on the notifier's thread for every head that this process did not move itself; at first for
  // all heads. No call runs when SetListener returns, unless it is called from the listener.
  void SetListener(EventLog::HeadListener listener);

  // This process moved a head.
  void Ring(int64_t topic_no, uint64_t next_offset);

  // Times that the connection was made, the first included.
  [[nodiscard]] int64_t connects() const { return connects_; }

 private:
  using Heads = std::map<int64_t, uint64_t>;

  void Loop();
  [[nodiscard]] Result<void> Connect();
  [[nodiscard]] Result<void> Serve();
  [[nodiscard]] Result<void> SendRings();
  [[nodiscard]] Result<void> Hear();
  [[nodiscard]] Result<void> ReadAllHeads();
  void Report(int64_t topic_no, uint64_t next_offset);
  void WaitForWork();

  const OpenFn open_;
  std::string channel_;
  std::thread thread_;
  int wake_ = -1;  // an eventfd
  std::atomic<int64_t> connects_ = 0;

  std::mutex mutex_;
  Heads rung_;
  bool stop_ = false;
  bool read_all_ = false;

  std::recursive_mutex listener_mutex_;  // held while the listener runs; it may set another
  EventLog::HeadListener listener_;

  // Of the thread.
  std::unique_ptr<Connection> connection_;
  std::chrono::steady_clock::time_point next_read_{};
  Heads known_;  // guarded by mutex_: what was rung or reported
};

}  // namespace jammi::postgres
