// Keeps the log within its limits: rounds in the background that trim topics and remove what was dropped.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <thread>

#include "catalog/log_trim.h"
#include "jammi/topic_retention.h"

namespace jammi {

struct TrimmerOptions {
  std::chrono::milliseconds interval{10'000};  // between rounds; each waits a quarter more or less
  // Of topics without settings of their own. All fields are there.
  TopicRetention defaults = {
      .max_age = std::chrono::microseconds(0), .max_bytes = 0, .max_events = 0, .keep_for_consumers = false};
};

// Thread-safe.
class Trimmer {
 public:
  // The first round begins at once. The backend must live until Stop() has returned.
  Trimmer(CatalogBackend& backend, const TrimmerOptions& options);
  ~Trimmer() { Stop(); }
  Trimmer(const Trimmer&) = delete;
  Trimmer& operator=(const Trimmer&) = delete;

  // There is something to do: the next round begins now, or behind the one that runs.
  void Nudge();

  // One round, here and now, to its end: what is beyond its limit when it begins is gone. Nothing, where
  // another engine works already. Errors: kUnavailable: stopped; the backend's.
  [[nodiscard]] Result<void> RunRound();

  [[nodiscard]] RetentionStats stats() const;

  // Ends the thread behind the step that it is at; the catalog is not touched after it. Idempotent.
  void Stop();

 private:
  void Loop(const std::stop_token& stop);
  // round_mutex_ is held.
  [[nodiscard]] Result<void> Round(const std::stop_token& stop);
  [[nodiscard]] Result<void> Work(const std::stop_token& stop);
  [[nodiscard]] Result<void> PurgeDropped(const std::stop_token& stop);
  [[nodiscard]] Result<void> TrimDue(const std::stop_token& stop);
  void Report(const Result<void>& round);
  // As long as the step took, so that at most half of the time of the database's writer goes into this.
  void Rest(std::chrono::steady_clock::time_point since, const std::stop_token& stop);

  const TrimmerOptions options_;
  std::mutex round_mutex_;
  LogTrim trim_;  // guarded by round_mutex_

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  // Guarded by mutex_.
  bool nudged_ = true;
  bool failing_ = false;
  RetentionStats stats_;

  std::jthread thread_;  // the last: it uses all the others
};

}  // namespace jammi
