// Ends ephemeral sessions in the background: those whose lease has expired, whoever had them, and those whose
// handles were given up (TRG-137, TRG-138, TRG-139).
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "ephemeral/session_ender.h"

namespace jammi {

struct SweeperOptions {
  std::chrono::milliseconds interval{60'000};  // between rounds; each waits a quarter more or less
  int64_t sessions_a_pass = 64;
  // Called in each round, when its sessions are done.
  std::function<void()> after_round = {};
};

struct SweepReport {
  int64_t ended = 0;   // their tables are gone
  int64_t failed = 0;  // a later sweep tries again
  int64_t lost = 0;    // another replica was quicker
  bool more = false;   // there may be others that are due
  bool operator==(const SweepReport&) const = default;
};

// Thread-safe.
class Sweeper {
 public:
  // All must outlive Stop().
  Sweeper(const EphemeralRepo& repo, SessionEnder& ender, const SweeperOptions& options);
  ~Sweeper() { Stop(); }
  Sweeper(const Sweeper&) = delete;
  Sweeper& operator=(const Sweeper&) = delete;

  // Starts the thread; its first round begins at once.
  void Start();

  // Nobody has a handle of this session any more: it is closed soon.
  void GiveUp(const EphemeralKey& key);

  // Ends the sessions that are due, a limited number, here and now; others may do so at the same time. One
  // that cannot be ended is logged, and does not keep the others waiting.
  // Errors: kUnavailable: stopped; those of reading the list.
  [[nodiscard]] Result<SweepReport> RunPass();

  // Ends the thread behind the session that it is at. Idempotent.
  void Stop();

 private:
  void Loop(const std::stop_token& stop);
  void Round(const std::stop_token& stop);
  [[nodiscard]] Result<SweepReport> Pass(const std::stop_token& stop);
  void EndOne(const EphemeralKey& key, SweepReport& report);
  void CloseGivenUp(const std::stop_token& stop);

  const EphemeralRepo& repo_;
  SessionEnder& ender_;
  const SweeperOptions options_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  // Guarded by mutex_.
  bool nudged_ = true;
  std::vector<EphemeralKey> given_up_;

  bool failing_ = false;  // of the thread
  std::stop_source stop_;
  std::jthread thread_;  // the last: it uses all the others
};

}  // namespace jammi
