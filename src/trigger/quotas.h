// What tenants may use of the log: how many topics, how many retained bytes, how much they may publish. The
// global scope is never limited.
//
// Topics are counted in the transaction that registers one. The rates are this process's own. Retained bytes
// are compared with a sum over the tenant's topics that is a second old at most (so old is what other
// processes published and what was trimmed) plus what this process has published since: a publish costs no
// statement; a thread in the background sums for tenants that publish, and only one who comes after a pause
// waits for his sum. What a tenant publishes to global topics counts for his rates, and for nobody's bytes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "jammi/catalog_backend.h"
#include "jammi/clock.h"
#include "jammi/ids.h"
#include "jammi/result.h"
#include "jammi/scope.h"

namespace jammi {

// Absent: without limit.
struct QuotaLimits {
  std::optional<int64_t> max_topics;
  std::optional<int64_t> max_bytes;          // retained, of the topics that the tenant owns
  std::optional<int64_t> events_per_second;  // 1 or more
  std::optional<int64_t> bytes_per_second;   // of payload; 1 or more

  [[nodiscard]] bool any() const { return max_topics || max_bytes || events_per_second || bytes_per_second; }
};

struct QuotaOptions {
  QuotaLimits everybody;
  std::unordered_map<TenantId, QuotaLimits> tenants;  // in place of those of everybody
  std::chrono::milliseconds sum_every{500};
};

class TenantQuota;

// What a publish has been allowed. Its bytes are retained ones from then on, and no more if it goes without
// Settle().
class Admission {
 public:
  Admission() = default;  // nothing is counted
  Admission(std::shared_ptr<TenantQuota> quota, int64_t bytes) : quota_(std::move(quota)), bytes_(bytes) {}
  Admission(Admission&&) noexcept = default;
  Admission& operator=(Admission&&) = delete;
  ~Admission();

  // The outcome is known: counted unless nothing was written for certain.
  void Settle(const Result<AppendOutcome>& outcome);

 private:
  std::shared_ptr<TenantQuota> quota_;
  int64_t bytes_ = 0;
};

// Thread-safe.
class Quotas {
 public:
  // The bytes retained of a tenant's topics; a statement.
  using SumBytes = std::function<Result<int64_t>(const Scope&)>;
  // `sum` is not called once Stop() has returned.
  Quotas(QuotaOptions options, std::shared_ptr<const Clock> clock, SumBytes sum);
  ~Quotas() { Stop(); }
  Quotas(const Quotas&) = delete;
  Quotas& operator=(const Quotas&) = delete;

  [[nodiscard]] std::optional<int64_t> MaxTopics(const Scope& scope) const;

  // Before Admit(): sums the tenant's bytes if that is needed. Errors: kInvalidState: from where nothing may
  // be read; those of the sum.
  [[nodiscard]] Result<void> Prepare(const Scope& publisher, const Scope& topic_owner);
  // Prepare() would have nothing to read. No I/O.
  [[nodiscard]] bool IsPrepared(const Scope& publisher, const Scope& topic_owner);

  // Allows one append of so many events and bytes of payload, all or nothing. No I/O.
  // Errors: kResourceExhausted with QuotaExceededDetail.
  [[nodiscard]] Result<Admission> Admit(const Scope& publisher, const Scope& topic_owner, int64_t events,
                                        int64_t bytes);

  // Idempotent.
  void Stop();

  // For tests: how many tenants are remembered.
  [[nodiscard]] size_t tenants() const {
    const std::shared_lock lock(mutex_);
    return tenants_.size();
  }

 private:
  [[nodiscard]] const QuotaLimits* LimitsOf(const Scope& scope) const;  // null: there are none
  // Whose sum is to be read before he publishes; null: nobody's.
  [[nodiscard]] std::shared_ptr<TenantQuota> ToSum(const Scope& publisher, const Scope& topic_owner,
                                                   UnixMicros now);
  [[nodiscard]] std::shared_ptr<TenantQuota> Find(const Scope& scope, const QuotaLimits& limits);
  void ForgetIdleLocked();
  void SumInBackground(const std::stop_token& stop);
  [[nodiscard]] std::vector<std::shared_ptr<TenantQuota>> Active() const;

  const QuotaOptions options_;
  const std::shared_ptr<const Clock> clock_;
  const SumBytes sum_;
  mutable std::shared_mutex mutex_;
  // Guarded by mutex_: those that have published lately.
  std::unordered_map<TenantId, std::shared_ptr<TenantQuota>> tenants_;
  size_t forget_at_ = 1024;
  std::jthread thread_;  // only where bytes are limited
};

}  // namespace jammi
