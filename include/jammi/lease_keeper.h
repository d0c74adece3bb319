// Keeps leases alive while their holders work, and tells a holder in time when he must stop.
//
//   LeaseKeeper keeper;
//   auto kept = keeper.Keep(claimed.granted_at, lease, [=] { return queue.Heartbeat(claimed.claim, lease);
//   }); while (!kept.MustStop() && more steps) ...              // or wait on kept.stop_token() if
//   (!kept.MustStop()) queue.Finalize(claimed.claim, ...); kept.End(); // not before the last write has
//   returned (WK-17)
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include "jammi/lease.h"
#include "jammi/result.h"

namespace jammi {

// Why a holder must stop.
enum class LeaseEnd : uint8_t {
  kLost,             // the database said so: somebody else may hold it
  kExpired,          // no renewal has succeeded for the length of the lease
  kCancelRequested,  // the lease is still held, and is renewed until End()
};

// One of these serves any number of leases with two threads: one renews, each lease when a third of it has
// passed, and sooner again after a failure; one watches, on the monotonic clock, so that a holder is told
// even while a renewal hangs. A lease counts from before the call that granted it, so that it never lasts
// longer here than in the database. Thread-safe. A Kept may outlive it.
class LeaseKeeper {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // Renews the lease for its full length. It may take as long as it likes; others wait for it.
  using RenewFn = std::function<Result<LeaseRenewal>()>;

  // For tests, which call Renew() and Watch() themselves.
  struct Options {
    std::function<Time()> now = [] { return std::chrono::steady_clock::now(); };
    bool threads = true;
  };

  // A lease that is kept; it ends with the object.
  class Kept {
   public:
    Kept(Kept&&) noexcept = default;
    Kept& operator=(Kept&& other) noexcept;
    ~Kept() { End(); }

    // Asks the clock, not the watching thread: to be called before each step that costs something.
    [[nodiscard]] bool MustStop() const { return why().has_value(); }
    // The first reason that there was.
    [[nodiscard]] std::optional<LeaseEnd> why() const;
    // Is requested to stop at the same moment, by the watching thread.
    [[nodiscard]] std::stop_token stop_token() const;
    // No renewal runs when this has returned, and none will. It waits for one that runs. Idempotent.
    void End();

   private:
    friend class LeaseKeeper;
    struct State;
    explicit Kept(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
  };

  LeaseKeeper() : LeaseKeeper(Options()) {}
  explicit LeaseKeeper(Options options);
  // Waits for a renewal that runs. Nothing is renewed any more; of an expiry MustStop() alone tells.
  ~LeaseKeeper();
  LeaseKeeper(const LeaseKeeper&) = delete;
  LeaseKeeper& operator=(const LeaseKeeper&) = delete;

  // `granted_at`: a moment before the claim was sent; `lease`: as it was claimed, and as `renew` asks for.
  // `renew` must not end the Kept itself.
  [[nodiscard]] Kept Keep(Time granted_at, std::chrono::microseconds lease, RenewFn renew);

  // What the threads do: renew each lease that is due; tell each holder whose lease has expired. They
  // return when to come again, Time::max() = when something has changed.
  Time Renew();
  Time Watch();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jammi
