// Delivers what a spool holds, in order, as fast as the sink below takes it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "events/dead_letter_folder.h"
#include "events/spool_log.h"
#include "jammi/events/event.h"
#include "jammi/events/retry.h"
#include "jammi/events/sink.h"
#include "jammi/events/spool.h"

namespace jammi::events {

// What wakes the sender, and those who wait for it.
struct SpoolBell {
  void Ring() {
    const std::lock_guard lock(mutex);
    rung = true;
    changed.notify_all();
  }
  // Rings if the sender has nothing to do: else it finds by itself what was appended.
  void RingIfIdle() {
    if (idle.exchange(false)) Ring();
  }
  std::mutex mutex;
  std::condition_variable_any changed;
  std::atomic<bool> idle = false;  // everything that was appended has been read
  bool rung = false;
  bool failed = false;  // an event had no success, and may have later
};

// Run() and Settle() are for one thread at a time.
class SpoolSender {
 public:
  SpoolSender(std::shared_ptr<EventSink> inner, SpoolLog& log, const SpoolOptions& options,
              std::shared_ptr<Clock> clock, std::shared_ptr<SpoolBell> bell);

  void Run(const std::stop_token& stop);
  // Takes note of what the sink below has answered, and writes it down.
  void Settle();
  // Whether events wait because the sink below does not take them. Thread-safe.
  [[nodiscard]] bool waiting() const { return waiting_; }
  // Whether the spool cannot be read any more, until it is opened again. Thread-safe.
  [[nodiscard]] bool useless() const { return useless_; }

 private:
  struct Flight {
    SpoolRecord record;
    std::optional<Event> event;           // absent: it cannot be read
    std::optional<Result<void>> outcome;  // guarded by the bell's mutex
  };

  bool SettleFront();
  // Puts an event aside that can never pass.
  Result<void> PutAside(const Flight& flight, const Error& error);
  void Send(const std::shared_ptr<Flight>& flight);
  void SendAgain(bool only_first);
  // False: there is nothing more to send, or no room in the window.
  bool SendNext(const std::stop_token& stop);
  void Pause(const std::stop_token& stop);
  void Wait(const std::stop_token& stop);
  void SaveCursor();
  [[nodiscard]] size_t Count(bool failed);

  const std::shared_ptr<EventSink> inner_;
  SpoolLog& log_;
  const SpoolOptions& options_;
  const std::shared_ptr<SpoolBell> bell_;
  const std::shared_ptr<PauseClock> pauses_;
  const std::filesystem::path quarantine_;
  DeadLetterFolder letters_;

  std::deque<std::shared_ptr<Flight>> flights_;  // in order, the front is the oldest that is not settled
  uint64_t flight_bytes_ = 0;
  bool failing_ = false;  // something failed since the last pause
  uint32_t attempt_ = 0;
  bool unsaved_ = false;
  std::chrono::steady_clock::time_point saved_at_{};
  std::atomic<bool> waiting_ = false;
  std::atomic<bool> useless_ = false;
};

}  // namespace jammi::events
