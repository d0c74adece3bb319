// The bindings of the sessions that were used last, in memory: for a process that alone writes them.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "jammi/clock.h"
#include "jammi/session_bindings.h"

namespace jammi {

// Thread-safe. Every read and every write of the database goes through Read() or Write(), which say before it
// and after it what they do: so what one has read is not remembered over what another has written meanwhile.
class SessionCache {
 public:
  using Found = std::optional<SessionBinding>;  // nullopt: the session is bound to nobody

  // Remembers `most` sessions, and each for `keep`.
  SessionCache(size_t most, std::chrono::microseconds keep) : most_(most / kStripes + 1), keep_(keep) {}

  // nullopt: not known.
  [[nodiscard]] std::optional<Found> Find(const SessionKey& session, UnixMicros now);

  // `read` returns Result<Found>, and so does this.
  template <class Fn>
  [[nodiscard]] Result<Found> Read(const SessionKey& session, UnixMicros now, Fn read) {
    auto& stripe = StripeOf(session);
    const auto began = stripe.BeginRead();
    auto found = read();
    if (found && began) stripe.EndRead(session, *began, {*found, now + keep_.count()}, most_);
    return found;
  }

  // `write` returns a Result; of one that fails nobody knows what it has done.
  template <class Fn>
  [[nodiscard]] auto Write(const SessionKey& session, UnixMicros now, const Found& after, Fn write) {
    auto& stripe = StripeOf(session);
    const uint64_t began = stripe.BeginWrite(session);
    auto written = write();
    const Entry entry{after, now + keep_.count()};
    stripe.EndWrite(session, began, written ? &entry : nullptr, most_);
    return written;
  }

  [[nodiscard]] size_t size() const;

 private:
  struct Hash {
    size_t operator()(const SessionKey& session) const {
      size_t hash = 0;
      std::memcpy(&hash, session.digest().data() + 1, sizeof(hash));  // a SHA-256: any bytes of it will do
      return hash;
    }
  };
  struct Entry {
    Found found;
    UnixMicros until = 0;
  };
  // Sessions are spread over several, each with its own lock.
  class Stripe {
   public:
    [[nodiscard]] std::optional<Found> Find(const SessionKey& session, UnixMicros now);
    [[nodiscard]] std::optional<uint64_t> BeginRead();  // nullopt: what is read may be old already
    void EndRead(const SessionKey& session, uint64_t began, const Entry& entry, size_t most);
    [[nodiscard]] uint64_t BeginWrite(const SessionKey& session);
    void EndWrite(const SessionKey& session, uint64_t began, const Entry* entry, size_t most);
    [[nodiscard]] size_t size() const;

   private:
    using Order = std::list<std::pair<SessionKey, Entry>>;
    void Put(const SessionKey& session, const Entry& entry, size_t most);
    void Erase(const SessionKey& session);

    mutable std::mutex mutex_;
    uint64_t writes_ = 0;   // that have begun
    uint64_t writing_ = 0;  // and not ended
    Order order_;           // used last first
    std::unordered_map<SessionKey, Order::iterator, Hash> entries_;
  };

  static constexpr size_t kStripes = 16;
  [[nodiscard]] Stripe& StripeOf(const SessionKey& session) {
    return stripes_[session.digest().front() % kStripes];
  }

  const size_t most_;  // of each stripe
  const std::chrono::microseconds keep_;
  std::array<Stripe, kStripes> stripes_;
};

}  // namespace jammi
