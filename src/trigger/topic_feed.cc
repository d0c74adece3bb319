#include "trigger/topic_feed.h"

#include <algorithm>
#include <utility>

#include "base/sync_point.h"
#include "base/text.h"

namespace jammi {

TopicFeed::TopicFeed(std::shared_ptr<FeedRuntime> runtime, int64_t topic_no)
    : runtime_(std::move(runtime)),
      topic_no_(topic_no),
      pages_(std::make_shared<PageCache>(runtime_, topic_no)) {}

void TopicFeed::Push(std::span<const std::shared_ptr<const Frame>> frames) {
  std::vector<std::shared_ptr<const Frame>> evicted;  // dies outside the lock
  bool ring = false;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& frame : frames) AddLocked(frame);
    const auto& limits = runtime_->limits;
    while (ring_.size() > 1 && (ring_bytes_ > limits.ring_bytes || ring_.size() > limits.ring_events)) {
      ring_start_ = ring_.front()->offset() + 1;
      ring_bytes_ -= ring_.front()->bytes();
      evicted.push_back(std::move(ring_.front()));
      ring_.pop_front();
    }
    ring = MustRingLocked();
  }
  if (ring) PostDoorbell();
}

void TopicFeed::AddLocked(const std::shared_ptr<const Frame>& frame) {
  const uint64_t offset = frame->offset();
  if (state_ != State::kOpen || offset < ring_end_) return;
  // A driver's events have gaps of their own; in a log a gap is what this process has not seen.
  const bool gap = runtime_->log != nullptr && offset != ring_end_;
  if (gap) {
    ring_.clear();
    ring_bytes_ = 0;
    ring_start_ = offset;
  }
  ring_.push_back(frame);
  ring_bytes_ += frame->bytes();
  ring_end_ = offset + 1;
  if (ring_end_ > head_.load(std::memory_order_relaxed)) head_.store(ring_end_, std::memory_order_release);
}

void TopicFeed::RaiseHead(uint64_t head) {
  bool ring = false;
  {
    const std::lock_guard lock(mutex_);
    if (head <= head_.load(std::memory_order_relaxed)) return;
    head_.store(head, std::memory_order_release);
    ring = MustRingLocked();
  }
  if (ring) PostDoorbell();
}

void TopicFeed::End(bool drain) {
  if (!drain) pages_->End();
  bool ring = false;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::kEnded) return;
    state_ = drain ? State::kDraining : State::kEnded;
    ring = MustRingLocked();
  }
  if (ring) PostDoorbell();
}

void TopicFeed::ClearRing() {
  const std::lock_guard lock(mutex_);
  ring_.clear();
  ring_bytes_ = 0;
  ring_start_ = ring_end_ = head_.load(std::memory_order_relaxed);
}

void TopicFeed::DropBelow(uint64_t below) {
  std::vector<std::shared_ptr<const Frame>> dropped;  // dies outside the lock
  const std::lock_guard lock(mutex_);
  while (!ring_.empty() && ring_.front()->offset() < below) {
    ring_start_ = ring_.front()->offset() + 1;
    ring_bytes_ -= ring_.front()->bytes();
    dropped.push_back(std::move(ring_.front()));
    ring_.pop_front();
  }
}

TopicFeed::Found TopicFeed::FindLocked(uint64_t next) const {
  if (state_ == State::kEnded) return Found::kEnded;
  if (next >= ring_start_ && next < ring_end_) return Found::kFrames;
  if (state_ == State::kDraining) return Found::kEnded;
  return next >= head_.load(std::memory_order_relaxed) ? Found::kAtHead : Found::kBelowRing;
}

TopicFeed::Found TopicFeed::Take(uint64_t next, FrameBurst* burst) {
  const std::lock_guard lock(mutex_);
  const Found found = FindLocked(next);
  if (found != Found::kFrames) return found;

  auto frame = std::ranges::lower_bound(ring_, next, {}, [](const auto& each) { return each->offset(); });
  burst->at_ = burst->count_ = 0;
  for (int64_t bytes = 0; frame != ring_.end() && burst->count_ < FrameBurst::kMaxFrames; ++frame) {
    bytes += (*frame)->bytes();
    if (burst->count_ > 0 && bytes > runtime_->limits.page.bytes) break;
    burst->frames_[burst->count_++] = *frame;
  }
  return found;
}

bool TopicFeed::Park(uint64_t next, const std::shared_ptr<Waiter>& waiter) {
  JAMMI_SYNC_POINT("TopicFeed::Park");
  const std::lock_guard lock(mutex_);
  // Whoever moves the head or ends the feed takes the lock: it is seen here, or it finds us parked.
#ifdef JAMMI_BREAK_PARK_CHECK  // the proof that the torture test can fail
  (void)next;
#else
  if (FindLocked(next) != Found::kAtHead) return false;
#endif
  if (waiter->parked_slot_ == Waiter::kNotParked) {
    waiter->parked_slot_ = parked_.size();
    parked_.push_back(waiter);
  }
  return true;
}

void TopicFeed::Unpark(Waiter* waiter) {
  const std::lock_guard lock(mutex_);
  const size_t slot = std::exchange(waiter->parked_slot_, Waiter::kNotParked);
  if (slot == Waiter::kNotParked) return;
  parked_[slot].swap(parked_.back());
  parked_[slot]->parked_slot_ = slot;
  waiter->parked_slot_ = Waiter::kNotParked;  // it may have been the last itself
  parked_.pop_back();
}

bool TopicFeed::ended() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::kEnded;
}

uint64_t TopicFeed::ring_start() const {
  const std::lock_guard lock(mutex_);
  return ring_start_;
}

bool TopicFeed::HasWaiters() const {
  const std::lock_guard lock(mutex_);
  return !parked_.empty();
}

bool TopicFeed::MustRingLocked() { return !parked_.empty() && !std::exchange(doorbell_posted_, true); }

// Waking many takes long; whoever moved the head is a publisher and does not wait for it.
void TopicFeed::PostDoorbell() {
  runtime_->dispatch.Post([self = shared_from_this()] { self->RingDoorbell(); });
}

void TopicFeed::RingDoorbell() {
  std::vector<std::shared_ptr<Waiter>> waiters;
  {
    const std::lock_guard lock(mutex_);
    doorbell_posted_ = false;
    waiters.swap(parked_);
    for (const auto& waiter : waiters) waiter->parked_slot_ = Waiter::kNotParked;
  }
  for (const auto& waiter : waiters) waiter->Wake();
}

Result<std::shared_ptr<const SharedPredicate>> TopicFeed::Compile(std::string_view sql,
                                                                  const EventCodec& codec) {
  const std::pair key(codec.columns(), std::string(Trim(sql)));
  {
    const std::lock_guard lock(predicates_mutex_);
    if (const auto it = predicates_.find(key); it != predicates_.end()) {
      if (auto shared = it->second.lock()) return shared;
    }
  }
  JAMMI_ASSIGN(auto predicate, Predicate::Compile(key.second, codec.schema()));
  return Share(std::move(predicate), codec);
}

std::shared_ptr<const SharedPredicate> TopicFeed::Share(Predicate predicate, const EventCodec& codec) {
  const std::lock_guard lock(predicates_mutex_);
  std::erase_if(predicates_, [](const auto& entry) { return entry.second.expired(); });
  auto& entry = predicates_[{codec.columns(), predicate.source_sql()}];
  if (auto shared = entry.lock()) return shared;
  auto shared =
      std::make_shared<const SharedPredicate>(next_predicate_id_++, std::move(predicate), runtime_->counters);
  entry = shared;
  return shared;
}

}  // namespace jammi
