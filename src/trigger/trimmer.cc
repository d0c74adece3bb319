#include "trigger/trimmer.h"

#include <fmt/format.h>

#include <deque>
#include <random>

#include "base/log.h"
#include "jammi/ids.h"

namespace jammi {
namespace {

using SteadyClock = std::chrono::steady_clock;

// A step that does not get its turn in time is tried again in the next round.
Deadline ForStep() { return Deadline::After(std::chrono::seconds(10)); }

// Another engine has taken over while this one stood still.
bool IsLostLease(const Error& error) { return error.As<LeaseLostDetail>() != nullptr; }

// With the next topic it may be another matter.
bool IsOfTopic(const Error& error) {
  return error.code() == ErrorCode::kAborted || !(IsRetryable(error.code()) || IsLostLease(error));
}

}  // namespace

Trimmer::Trimmer(CatalogBackend& backend, const TrimmerOptions& options)
    : options_(options),
      trim_(backend, options.defaults, Uuid::RandomV4().ToString()),
      thread_([this](const std::stop_token& stop) { Loop(stop); }) {}

void Trimmer::Nudge() {
  const std::lock_guard lock(mutex_);
  nudged_ = true;
  changed_.notify_all();
}

RetentionStats Trimmer::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void Trimmer::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  // A round of another thread sees the request and ends, too.
  const std::lock_guard lock(round_mutex_);
}

void Trimmer::Loop(const std::stop_token& stop) {
  std::mt19937_64 random(std::random_device{}());
  // Engines that were started together do not stay in step.
  std::uniform_int_distribution<int64_t> jitter(options_.interval.count() * 3 / 4,
                                                options_.interval.count() * 5 / 4);
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, stop, std::chrono::milliseconds(jitter(random)), [this] { return nudged_; });
      nudged_ = false;
    }
    const std::lock_guard lock(round_mutex_);
    if (!stop.stop_requested()) Report(Round(stop));
  }
}

Result<void> Trimmer::RunRound() {
  const std::stop_token stop = thread_.get_stop_token();
  const std::lock_guard lock(round_mutex_);
  if (stop.stop_requested()) return Error(ErrorCode::kUnavailable, "the engine is closed");
  auto round = Round(stop);
  Report(round);
  return round;
}

Result<void> Trimmer::Round(const std::stop_token& stop) {
  JAMMI_ASSIGN(bool work, trim_.HasDropped());
  if (!work) {
    JAMMI_ASSIGN(const auto due, trim_.FindDue(0));
    work = !due.empty();
  }
  if (!work) return {};
  JAMMI_ASSIGN(const bool claimed, trim_.Claim(ForStep()));
  if (!claimed) return {};
  auto worked = Work(stop);
  if (!worked && IsLostLease(worked.error())) return {};
  auto released = trim_.Release(ForStep());
  return worked ? released : worked;
}

Result<void> Trimmer::Work(const std::stop_token& stop) {
  auto trimmed = TrimDue(stop);
  if (!trimmed && !IsOfTopic(trimmed.error())) return trimmed;
  JAMMI_TRY(PurgeDropped(stop));
  return trimmed;
}

// Topics take turns, so that a long backlog of one keeps no other waiting; nor does one that is damaged.
Result<void> Trimmer::TrimDue(const std::stop_token& stop) {
  Result<void> first_failure;
  for (int64_t after = 0; !stop.stop_requested();) {
    JAMMI_ASSIGN(const auto due, trim_.FindDue(after));
    if (due.empty()) break;
    after = due.back();
    for (std::deque<int64_t> topics(due.begin(), due.end()); !topics.empty() && !stop.stop_requested();) {
      const auto begun = SteadyClock::now();
      const int64_t topic_no = topics.front();
      topics.pop_front();
      const auto step = trim_.Trim(topic_no, ForStep());
      if (!step) {
        if (!IsOfTopic(step.error())) return step.error();
        if (first_failure) first_failure = step.error();
        continue;
      }
      if (step->more) topics.push_back(topic_no);
      {
        const std::lock_guard lock(mutex_);
        stats_.trimmed_events += static_cast<uint64_t>(step->events);
        stats_.trimmed_bytes += static_cast<uint64_t>(step->bytes);
      }
      if (step->events > 0) Rest(begun, stop);
    }
  }
  return first_failure;
}

Result<void> Trimmer::PurgeDropped(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto begun = SteadyClock::now();
    JAMMI_ASSIGN(const auto step, trim_.Purge(ForStep()));
    if (!step.more) break;
    {
      const std::lock_guard lock(mutex_);
      stats_.purged_events += static_cast<uint64_t>(step.events);
      stats_.purged_bytes += static_cast<uint64_t>(step.bytes);
      if (step.events == 0) ++stats_.purged_topics;
    }
    Rest(begun, stop);
  }
  return {};
}

void Trimmer::Report(const Result<void>& round) {
  bool was_failing = false;
  {
    const std::lock_guard lock(mutex_);
    ++stats_.rounds;
    if (!round) ++stats_.failed_rounds;
    was_failing = std::exchange(failing_, !round);
  }
  if (!round && !was_failing) {
    Log(LogLevel::kWarning, "trimming the log: {}; the next round goes on", round.error().ToString());
  } else if (round && was_failing) {
    Log(LogLevel::kInfo, "trimming the log works again");
  }
}

void Trimmer::Rest(SteadyClock::time_point since, const std::stop_token& stop) {
  std::mutex resting;
  std::unique_lock lock(resting);
  std::condition_variable_any never;
  const auto pause =
      std::min<SteadyClock::duration>(SteadyClock::now() - since, std::chrono::milliseconds(100));
  never.wait_for(lock, stop, pause, [] { return false; });
}

}  // namespace jammi
