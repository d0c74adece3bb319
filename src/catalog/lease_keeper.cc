#include "jammi/lease_keeper.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/sync_point.h"

namespace jammi {

using std::chrono::microseconds;

struct LeaseKeeper::Kept::State {
  State(Time granted_at, microseconds length, RenewFn renew_fn, std::function<Time()> now_fn)
      : lease(length),
        now(std::move(now_fn)),
        renew(std::move(renew_fn)),
        held_until(granted_at + length),
        next_renewal(granted_at + length / 3) {}

  // A pause after a failure: the database is not to be pressed, and several tries fit into what is left.
  [[nodiscard]] microseconds Pause() const { return std::max(lease / 15, microseconds(1)); }

  void SetWhy(LeaseEnd reason) {
    {
      const std::lock_guard lock(mutex);
      if (why || ended) return;
      why = reason;
    }
    stop.request_stop();  // runs callbacks of the holder: under no mutex
  }

  // The reason, if there is one by now.
  std::optional<LeaseEnd> Check() {
    bool expired = false;
    {
      const std::lock_guard lock(mutex);
      if (why || ended) return why;
      expired = now() >= held_until;
    }
    if (!expired) return std::nullopt;
    SetWhy(LeaseEnd::kExpired);
    const std::lock_guard lock(mutex);
    return why;
  }

  // What a renewal means for the holder.
  std::optional<LeaseEnd> Take(const Result<LeaseRenewal>& renewed, Time asked_at) {
    const std::lock_guard lock(mutex);
    if (renewed) {
      held_until = asked_at + lease;
      next_renewal = asked_at + lease / 3;
      return renewed->cancel_requested ? std::optional(LeaseEnd::kCancelRequested) : std::nullopt;
    }
    lost = renewed.error().As<LeaseLostDetail>() != nullptr;
    if (lost) return LeaseEnd::kLost;
    next_renewal = now() + Pause();
    return std::nullopt;
  }

  // When it is to be renewed next; Time::max() = never again.
  Time NextRenewal() {
    const std::lock_guard lock(mutex);
    const bool over = ended || lost || why == LeaseEnd::kExpired;
    return over ? Time::max() : next_renewal;
  }
  Time NextExpiry() {
    const std::lock_guard lock(mutex);
    return ended || why ? Time::max() : held_until;
  }
  bool Ended() {
    const std::lock_guard lock(mutex);
    return ended;
  }

  void Renew() {
    std::optional<LeaseEnd> reason;
    {
      const std::lock_guard running(renewing);
      if (Ended()) return;
      const Time asked_at = now();
      reason = Take(renew(), asked_at);
    }
    if (reason) SetWhy(*reason);
  }

  void End() {
    std::unique_lock running(renewing, std::try_to_lock);
    if (!running) {
      JAMMI_SYNC_POINT("LeaseKeeper::EndWaits");
      running.lock();
    }
    const std::lock_guard lock(mutex);
    ended = true;
    renew = nullptr;
  }

  const microseconds lease;
  const std::function<Time()> now;
  std::stop_source stop;
  std::mutex renewing;  // held while `renew` runs; before `mutex`
  RenewFn renew;        // guarded by `renewing`
  std::mutex mutex;     // guards the rest
  Time held_until;
  Time next_renewal;
  std::optional<LeaseEnd> why;
  bool lost = false;
  bool ended = false;
};

class LeaseKeeper::Impl {
 public:
  explicit Impl(Options options) : options_(std::move(options)) {
    if (!options_.threads) return;
    renewer_ = std::jthread([this](const std::stop_token& stop) { Run(stop, &Impl::Renew); });
    watcher_ = std::jthread([this](const std::stop_token& stop) { Run(stop, &Impl::Watch); });
  }

  std::shared_ptr<Kept::State> Add(Time granted_at, microseconds lease, RenewFn renew) {
    auto state = std::make_shared<Kept::State>(granted_at, lease, std::move(renew), options_.now);
    {
      const std::lock_guard lock(mutex_);
      std::erase_if(leases_, [](const auto& kept) { return kept->Ended(); });
      leases_.push_back(state);
      ++changes_;
    }
    changed_.notify_all();
    return state;
  }

  Time Renew() {
    Time next = Time::max();
    for (const auto& state : Leases()) {
      if (state->NextRenewal() <= options_.now()) state->Renew();
      next = std::min(next, state->NextRenewal());
    }
    return next;
  }

  Time Watch() {
    Time next = Time::max();
    for (const auto& state : Leases()) {
      (void)state->Check();
      next = std::min(next, state->NextExpiry());
    }
    return next;
  }

 private:
  std::vector<std::shared_ptr<Kept::State>> Leases() {
    const std::lock_guard lock(mutex_);
    return leases_;
  }

  void Run(const std::stop_token& stop, Time (Impl::*step)()) {
    while (!stop.stop_requested()) {
      uint64_t seen = 0;
      {
        const std::lock_guard lock(mutex_);
        seen = changes_;
      }
      const Time next = (this->*step)();
      std::unique_lock lock(mutex_);
      const auto has_changed = [&] { return changes_ != seen; };
      if (next == Time::max()) {
        changed_.wait(lock, stop, has_changed);
      } else {
        changed_.wait_until(lock, stop, next, has_changed);
      }
    }
  }

  const Options options_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<std::shared_ptr<Kept::State>> leases_;
  uint64_t changes_ = 0;
  // Last: they stop before what they use goes.
  std::jthread renewer_;
  std::jthread watcher_;
};

LeaseKeeper::Kept& LeaseKeeper::Kept::operator=(Kept&& other) noexcept {
  if (this != &other) {
    End();
    state_ = std::move(other.state_);
  }
  return *this;
}

std::optional<LeaseEnd> LeaseKeeper::Kept::why() const { return state_->Check(); }

std::stop_token LeaseKeeper::Kept::stop_token() const { return state_->stop.get_token(); }

void LeaseKeeper::Kept::End() {
  if (state_ != nullptr) state_->End();
}

LeaseKeeper::LeaseKeeper(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
LeaseKeeper::~LeaseKeeper() = default;

LeaseKeeper::Kept LeaseKeeper::Keep(Time granted_at, microseconds lease, RenewFn renew) {
  return Kept(impl_->Add(granted_at, lease, std::move(renew)));
}

LeaseKeeper::Time LeaseKeeper::Renew() { return impl_->Renew(); }
LeaseKeeper::Time LeaseKeeper::Watch() { return impl_->Watch(); }

}  // namespace jammi
