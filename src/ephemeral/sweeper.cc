#include "ephemeral/sweeper.h"

#include <random>
#include <utility>

#include "base/log.h"

namespace jammi {
namespace {

// A step that does not get its turn in time is tried again in the next round.
Deadline ForStep() { return Deadline::After(std::chrono::seconds(10)); }

}  // namespace

Sweeper::Sweeper(const EphemeralRepo& repo, SessionEnder& ender, const SweeperOptions& options)
    : repo_(repo), ender_(ender), options_(options) {}

void Sweeper::Start() {
  thread_ = std::jthread([this] { Loop(stop_.get_token()); });
}

void Sweeper::GiveUp(const EphemeralKey& key) {
  const std::lock_guard lock(mutex_);
  given_up_.push_back(key);
  nudged_ = true;
  changed_.notify_all();
}

void Sweeper::Stop() {
  stop_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Sweeper::Loop(const std::stop_token& stop) {
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
    if (!stop.stop_requested()) Round(stop);
  }
}

void Sweeper::Round(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto pass = Pass(stop);
    const bool was_failing = std::exchange(failing_, !pass);
    if (!pass && !was_failing) {
      Log(LogLevel::kWarning, "sweeping ephemeral sessions: {}; the next round goes on",
          pass.error().ToString());
    }
    if (!pass || !pass->more) break;
  }
  if (options_.after_round && !stop.stop_requested()) options_.after_round();
}

Result<SweepReport> Sweeper::RunPass() {
  const std::stop_token stop = stop_.get_token();
  if (stop.stop_requested()) return Error(ErrorCode::kUnavailable, "the engine is closed");
  return Pass(stop);
}

// A full list means that there may be more. What has failed is not due any more, so the next list goes on.
Result<SweepReport> Sweeper::Pass(const std::stop_token& stop) {
  CloseGivenUp(stop);
  JAMMI_ASSIGN(const auto due, repo_.FindDue(options_.sessions_a_pass));
  SweepReport report;
  for (const EphemeralKey& key : due) {
    if (stop.stop_requested()) return report;
    EndOne(key, report);
  }
  report.more = static_cast<int64_t>(due.size()) == options_.sessions_a_pass;
  return report;
}

void Sweeper::EndOne(const EphemeralKey& key, SweepReport& report) {
  const auto end = ender_.End(key, EndOf::kDue, ForStep());
  if (end) {
    ++(!end->claimed ? report.lost : end->survivors.empty() ? report.ended : report.failed);
    return;
  }
  ++report.failed;
  Log(LogLevel::kWarning, "ephemeral session {} of tenant {} has not ended yet: {}", key.session_id,
      key.tenant.Key(), end.error().ToString());
  const auto postponed = ender_.Postpone(key, ForStep());
  if (!postponed) {
    Log(LogLevel::kWarning, "ephemeral session {}: {}", key.session_id, postponed.error().ToString());
  }
}

void Sweeper::CloseGivenUp(const std::stop_token& stop) {
  std::vector<EphemeralKey> keys;
  {
    const std::lock_guard lock(mutex_);
    keys.swap(given_up_);
  }
  std::vector<EphemeralKey> left;
  for (const EphemeralKey& key : keys) {
    // Those that are not reached any more are closed with the engine.
    if (stop.stop_requested()) return;
    const auto end = ender_.End(key, EndOf::kOpen, ForStep());
    if (end) continue;
    Log(LogLevel::kWarning, "ephemeral session {} that nobody uses any more is not closed yet: {}",
        key.session_id, end.error().ToString());
    left.push_back(key);
  }
  const std::lock_guard lock(mutex_);
  given_up_.insert(given_up_.end(), left.begin(), left.end());
}

}  // namespace jammi
