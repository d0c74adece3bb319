#include "server/session_cache.h"

#include <utility>

namespace jammi {

std::optional<SessionCache::Found> SessionCache::Find(const SessionKey& session, UnixMicros now) {
  return StripeOf(session).Find(session, now);
}

size_t SessionCache::size() const {
  size_t size = 0;
  for (const auto& stripe : stripes_) size += stripe.size();
  return size;
}

std::optional<SessionCache::Found> SessionCache::Stripe::Find(const SessionKey& session, UnixMicros now) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(session);
  if (found == entries_.end()) return std::nullopt;
  if (found->second->second.until <= now) {
    Erase(session);
    return std::nullopt;
  }
  order_.splice(order_.begin(), order_, found->second);
  return found->second->second.found;
}

std::optional<uint64_t> SessionCache::Stripe::BeginRead() {
  const std::lock_guard lock(mutex_);
  if (writing_ > 0) return std::nullopt;
  return writes_;
}

void SessionCache::Stripe::EndRead(const SessionKey& session, uint64_t began, const Entry& entry,
                                   size_t most) {
  const std::lock_guard lock(mutex_);
  if (writes_ == began) Put(session, entry, most);
}

uint64_t SessionCache::Stripe::BeginWrite(const SessionKey& session) {
  const std::lock_guard lock(mutex_);
  Erase(session);
  ++writing_;
  return ++writes_;
}

// Of two writes at once nobody knows here which one the database has done last: the next read tells.
void SessionCache::Stripe::EndWrite(const SessionKey& session, uint64_t began, const Entry* entry,
                                    size_t most) {
  const std::lock_guard lock(mutex_);
  --writing_;
  if (entry != nullptr && writes_ == began && writing_ == 0) Put(session, *entry, most);
}

size_t SessionCache::Stripe::size() const {
  const std::lock_guard lock(mutex_);
  return order_.size();
}

void SessionCache::Stripe::Put(const SessionKey& session, const Entry& entry, size_t most) {
  Erase(session);
  order_.emplace_front(session, entry);
  entries_.emplace(session, order_.begin());
  if (order_.size() <= most) return;
  entries_.erase(order_.back().first);
  order_.pop_back();
}

void SessionCache::Stripe::Erase(const SessionKey& session) {
  const auto found = entries_.find(session);
  if (found == entries_.end()) return;
  order_.erase(found->second);
  entries_.erase(found);
}

}  // namespace jammi
