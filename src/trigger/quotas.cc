#include "trigger/quotas.h"

#include <fmt/format.h>

#include <utility>

#include "base/log.h"
#include "base/sync_point.h"
#include "trigger/token_bucket.h"

namespace jammi {
namespace {

constexpr UnixMicros kSecond = 1'000'000;
// A tenant who has published nothing for so long is not summed for any more.
constexpr UnixMicros kActive = 10 * kSecond;

std::optional<TokenBucket> MakeBucket(std::optional<int64_t> rate, UnixMicros now) {
  if (!rate) return std::nullopt;
  return TokenBucket(*rate, now);
}

Error RateExceeded(std::string_view quota, std::string_view what, int64_t rate, int64_t used, int64_t wait) {
  return Error(
      ErrorCode::kResourceExhausted,
      fmt::format("the quota of {} {} a second is used up; try again in {} microseconds", rate, what, wait),
      QuotaExceededDetail{.quota = std::string(quota), .limit = rate, .used = used, .retry_after = wait});
}

Error BytesExceeded(int64_t limit, int64_t used) {
  return Error(ErrorCode::kResourceExhausted,
               fmt::format("the quota of {} retained bytes is used up: there are {}; try again when events "
                           "were trimmed or topics dropped",
                           limit, used),
               QuotaExceededDetail{.quota = "max_bytes", .limit = limit, .used = used});
}

}  // namespace

// The use that one tenant makes of this process. Thread-safe.
class TenantQuota {
 public:
  TenantQuota(Scope scope, const QuotaLimits& limits, UnixMicros now)
      : scope_(std::move(scope)),
        limits_(limits),
        events_(MakeBucket(limits.events_per_second, now)),
        bytes_(MakeBucket(limits.bytes_per_second, now)),
        used_at_(now) {}

  [[nodiscard]] bool HasFreshSum(UnixMicros now) const {
    const std::lock_guard lock(mutex_);
    return summed_at_ && now >= *summed_at_ && now - *summed_at_ <= kSecond;
  }

  Result<void> Sum(const Quotas::SumBytes& sum, UnixMicros now) {
    int64_t kept_before = 0;
    {
      const std::lock_guard lock(mutex_);
      kept_before = kept_;
    }
    JAMMI_ASSIGN(const int64_t bytes, sum(scope_));
    const std::lock_guard lock(mutex_);
    sum_ = bytes;
    kept_in_sum_ = kept_before;  // what was kept meanwhile may be counted twice, until the next sum
    summed_at_ = now;
    return {};
  }

  // `retained`: the bytes are the tenant's own to keep.
  Result<void> Admit(int64_t events, int64_t bytes, bool retained, UnixMicros now) {
    const std::lock_guard lock(mutex_);
    used_at_ = now;
    if (retained && limits_.max_bytes) {
      const int64_t used = sum_ + (kept_ - kept_in_sum_) + pending_;
      if (used + bytes > *limits_.max_bytes) return BytesExceeded(*limits_.max_bytes, used);
    }
    const int64_t events_wait = events_ ? events_->WaitFor(events, now) : 0;
    const int64_t bytes_wait = bytes_ ? bytes_->WaitFor(bytes, now) : 0;
    if (events_wait > 0 && events_wait >= bytes_wait) {
      return RateExceeded("events_per_second", "events", *limits_.events_per_second, events_->used(),
                          events_wait);
    }
    if (bytes_wait > 0) {
      return RateExceeded("bytes_per_second", "bytes", *limits_.bytes_per_second, bytes_->used(), bytes_wait);
    }
    if (events_) events_->Take(events);
    if (bytes_) bytes_->Take(bytes);
    if (retained) pending_ += bytes;
    return {};
  }

  void Finish(int64_t bytes, bool kept) {
    const std::lock_guard lock(mutex_);
    pending_ -= bytes;
    if (kept) kept_ += bytes;
  }

  [[nodiscard]] bool IsActive(UnixMicros now) const {
    const std::lock_guard lock(mutex_);
    return now - used_at_ <= kActive;
  }
  // Nothing would change if it were made anew.
  [[nodiscard]] bool IsIdle(UnixMicros now) {
    const std::lock_guard lock(mutex_);
    const bool full = (!events_ || events_->WaitFor(*limits_.events_per_second, now) == 0) &&
                      (!bytes_ || bytes_->WaitFor(*limits_.bytes_per_second, now) == 0);
    return full && pending_ == 0 && now - used_at_ > kActive;
  }
  [[nodiscard]] bool limits_bytes() const { return limits_.max_bytes.has_value(); }

 private:
  const Scope scope_;
  const QuotaLimits limits_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::optional<TokenBucket> events_;
  std::optional<TokenBucket> bytes_;
  UnixMicros used_at_;
  int64_t sum_ = 0;
  std::optional<UnixMicros> summed_at_;
  int64_t pending_ = 0;      // admitted, not settled
  int64_t kept_ = 0;         // settled, ever
  int64_t kept_in_sum_ = 0;  // of these, what the sum has for certain
};

// --- Admission

void Admission::Settle(const Result<AppendOutcome>& outcome) {
  const bool written = outcome ? !outcome->duplicate : outcome.error().code() == ErrorCode::kOutcomeUnknown;
  if (!written) return;
  if (const auto quota = std::exchange(quota_, nullptr)) quota->Finish(bytes_, /*kept=*/true);
}

Admission::~Admission() {
  if (quota_ != nullptr) quota_->Finish(bytes_, /*kept=*/false);
}

// --- Quotas

Quotas::Quotas(QuotaOptions options, std::shared_ptr<const Clock> clock, SumBytes sum)
    : options_(std::move(options)), clock_(std::move(clock)), sum_(std::move(sum)) {
  bool limits_bytes = options_.everybody.max_bytes.has_value();
  for (const auto& [tenant, limits] : options_.tenants) limits_bytes |= limits.max_bytes.has_value();
  if (limits_bytes) thread_ = std::jthread([this](const std::stop_token& stop) { SumInBackground(stop); });
}

const QuotaLimits* Quotas::LimitsOf(const Scope& scope) const {
  if (scope.is_global()) return nullptr;
  const auto own = options_.tenants.find(*scope.tenant());
  const QuotaLimits& limits = own == options_.tenants.end() ? options_.everybody : own->second;
  return limits.any() ? &limits : nullptr;
}

std::optional<int64_t> Quotas::MaxTopics(const Scope& scope) const {
  const QuotaLimits* limits = LimitsOf(scope);
  return limits == nullptr ? std::nullopt : limits->max_topics;
}

std::shared_ptr<TenantQuota> Quotas::Find(const Scope& scope, const QuotaLimits& limits) {
  {
    const std::shared_lock lock(mutex_);
    if (const auto found = tenants_.find(*scope.tenant()); found != tenants_.end()) return found->second;
  }
  const std::lock_guard lock(mutex_);
  if (tenants_.size() >= forget_at_) ForgetIdleLocked();
  auto& quota = tenants_[*scope.tenant()];
  if (quota == nullptr) quota = std::make_shared<TenantQuota>(scope, limits, clock_->Now());
  return quota;
}

void Quotas::ForgetIdleLocked() {
  const UnixMicros now = clock_->Now();
  // One that somebody else holds is about to be used.
  std::erase_if(tenants_, [&](const auto& entry) {
    return entry.second.use_count() == 1 && entry.second->IsIdle(now);
  });
  forget_at_ = std::max<size_t>(1024, 2 * tenants_.size());
}

std::shared_ptr<TenantQuota> Quotas::ToSum(const Scope& publisher, const Scope& topic_owner, UnixMicros now) {
  const QuotaLimits* limits = LimitsOf(publisher);
  if (limits == nullptr || !limits->max_bytes || publisher != topic_owner) return nullptr;
  auto quota = Find(publisher, *limits);
  return quota->HasFreshSum(now) ? nullptr : std::move(quota);
}

Result<void> Quotas::Prepare(const Scope& publisher, const Scope& topic_owner) {
  const UnixMicros now = clock_->Now();
  const auto quota = ToSum(publisher, topic_owner, now);
  if (quota == nullptr) return {};
  JAMMI_SYNC_POINT("Quotas::Prepare.sum");
  return quota->Sum(sum_, now);
}

bool Quotas::IsPrepared(const Scope& publisher, const Scope& topic_owner) {
  return ToSum(publisher, topic_owner, clock_->Now()) == nullptr;
}

Result<Admission> Quotas::Admit(const Scope& publisher, const Scope& topic_owner, int64_t events,
                                int64_t bytes) {
  const QuotaLimits* limits = LimitsOf(publisher);
  if (limits == nullptr) return Admission();
  auto quota = Find(publisher, *limits);
  const bool retained = publisher == topic_owner;
  JAMMI_TRY(quota->Admit(events, bytes, retained, clock_->Now()));
  return retained ? Admission(std::move(quota), bytes) : Admission();
}

std::vector<std::shared_ptr<TenantQuota>> Quotas::Active() const {
  const UnixMicros now = clock_->Now();
  std::vector<std::shared_ptr<TenantQuota>> active;
  const std::shared_lock lock(mutex_);
  for (const auto& [tenant, quota] : tenants_) {
    if (quota->limits_bytes() && quota->IsActive(now)) active.push_back(quota);
  }
  return active;
}

// A sum that fails is not logged: who publishes needs a fresh one, reads it himself, and gets the error.
void Quotas::SumInBackground(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  while (!stopped.wait_for(lock, stop, options_.sum_every, [] { return false; }) && !stop.stop_requested()) {
    for (const auto& quota : Active()) {
      if (stop.stop_requested()) return;
      IgnoreError(quota->Sum(sum_, clock_->Now()), "the publisher reads it himself");
    }
  }
}

void Quotas::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

}  // namespace jammi
