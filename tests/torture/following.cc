#include "torture/following.h"

#include <arrow/api.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <thread>
#include <utility>

#include "torture/batches.h"

namespace jammi::test {
namespace {

using Kind = Record::Kind;
using std::chrono::milliseconds;

constexpr milliseconds kRetryPause{20};

From StartOf(const CursorOrder& order) {
  constexpr std::chrono::microseconds kRecent = std::chrono::seconds(3);
  switch (order.start) {
    case CursorOrder::Start::kNewest:
      return From::Newest();
    case CursorOrder::Start::kRecent:
      return From::Time(Clock::System()->Now() - kRecent.count());
    default:
      return From::Offset(order.offset);
  }
}

Who WhoIs(const std::optional<TenantId>& tenant) {
  if (!tenant) return 0;
  for (size_t who = 1; who < kTenants.size(); ++who) {
    if (tenant->ToString() == kTenants.at(who)) return static_cast<Who>(who);
  }
  return -1;
}

}  // namespace

void Follower::Run() {
  while (!stage_.stopping()) {
    auto subscription = Attach();
    if (subscription) {
      goes_on_ = false;
      Follow(**subscription);
      if (finite_ && !goes_on_) return;
    } else if (stage_.stopping() || !Excuse("attach", subscription.error())) {
      return;
    }
    std::this_thread::sleep_for(kRetryPause);
  }
}

void Follower::Follow(Subscription& subscription) {
  {
    const std::lock_guard lock(mutex_);
    closed_ = false;
    id_ = stage_.NextId();
    said_ = subscription.position();
    columns_ = 0;
    attached_ = &subscription;
    Record record = Introduction();
    record.id = id_;
    record.offset = said_;
    if (PlanOf(record.topic).passes)
      record.topic = NameOfLife(record.topic, subscription.bookmark().topic.ToString());
    stage_.Say(std::move(record));
  }
  if (stage_.stopping()) Close();  // whoever stopped the process did not know of it yet
  const std::string why = random_.Percent(50) ? FollowWaiting(subscription) : FollowWoken(subscription);
  const std::lock_guard lock(mutex_);
  attached_ = nullptr;
  const uint64_t position = subscription.position();
  OnEnded(position, why);
  stage_.Say({.kind = Kind::kEnded, .id = id_, .offset = position, .text = why});
}

// Without a deadline: if the feed does not wake it, nobody does.
std::string Follower::FollowWaiting(Subscription& subscription) {
  for (;;) {
    const auto next = subscription.Next(Deadline::Never());
    if (!next) return AtError(next.error());
    if (!*next) return AtEnd();
    SayGot(subscription, **next);
  }
}

// The same by OnReady() alone.
std::string Follower::FollowWoken(Subscription& subscription) {
  struct Doorbell {
    std::mutex mutex;
    std::condition_variable rung;
    bool ready = false;
  };
  const auto doorbell = std::make_shared<Doorbell>();
  for (;;) {
    auto polled = subscription.TryNext();
    if (!polled) return AtError(polled.error());
    if (std::holds_alternative<Subscription::End>(*polled)) return AtEnd();
    if (const auto* delivery = std::get_if<Delivery>(&*polled)) {
      SayGot(subscription, *delivery);
      continue;
    }
    subscription.OnReady([doorbell] {
      const std::lock_guard lock(doorbell->mutex);
      doorbell->ready = true;
      doorbell->rung.notify_one();
    });
    // Close() calls nobody back, so that is looked for.
    std::unique_lock lock(doorbell->mutex);
    while (!doorbell->rung.wait_for(lock, kRetryPause, [&] { return doorbell->ready; })) {
      if (closed_) return "closed";
    }
    doorbell->ready = false;
  }
}

std::string Follower::AtEnd() {
  if (finite_) return "end of the log";
  if (stage_.leaving()) return "end of the engine";
  if (!PlanOf(Introduction().topic).passes)
    stage_.Break("the stream of " + Introduction().text + " ended by itself");
  return std::string(kEndOfTopic);
}

std::string Follower::AtError(const Error& error) {
  if (error.code() != ErrorCode::kCancelled || !closed_) Excuse("next", error);
  return error.ToString();
}

void Follower::SayGot(Subscription& subscription, const Delivery& delivery) {
  const int columns = delivery.batch->num_columns();
  const int before = std::exchange(columns_, columns);
  if (before != 0 && before != columns) stage_.Break("the schema changed under " + Introduction().text);
  auto event = Describe(*delivery.batch);
  stage_.Say({.kind = Kind::kGot,
              .id = id_,
              .who = WhoIs(delivery.tenant),
              .offset = delivery.offset,
              .digest = event.digest,
              .keys = {std::move(event.key)}});
  OnDelivered(subscription, id_, delivery.offset);
}

void Follower::SayPosition() {
  const std::lock_guard lock(mutex_);
  if (attached_ == nullptr || attached_->position() == said_) return;
  said_ = attached_->position();
  stage_.Say({.kind = Kind::kPosition, .id = id_, .offset = said_});
}

std::optional<uint64_t> Follower::Place() {
  const std::lock_guard lock(mutex_);
  return attached_ == nullptr ? std::nullopt : std::optional(attached_->position());
}

void Follower::Close() {
  const std::lock_guard lock(mutex_);
  if (attached_ == nullptr) return;
  closed_ = true;
  attached_->Close();
}

// --- Cursors -------------------------------------------------------------------------------------------

Result<std::unique_ptr<Subscription>> CursorFollower::Attach() {
  return stage_.As(order_.who)
      .Subscribe(order_.topic, StartOf(order_),
                 {.predicate = std::string(kPredicates.at(order_.predicate)), .follow = !finite()});
}

Record CursorFollower::Introduction() const {
  return {.kind = Kind::kAttached,
          .topic = order_.topic,
          .who = order_.who,
          .predicate = order_.predicate,
          .text = order_.cursor};
}

void CursorFollower::OnEnded(uint64_t position, std::string_view why) {
  order_.start = CursorOrder::Start::kOffset;
  order_.offset = why == kEndOfTopic ? 0 : std::max(position, low_water_);
}

bool CursorFollower::Excuse(std::string_view doing, const Error& error) {
  const auto* evicted = error.As<OffsetEvictedDetail>();
  if (evicted == nullptr) return stage_.ExcuseAbout(order_.topic, doing, error);
  const uint64_t wanted = Place().value_or(order_.offset);
  stage_.Say({.kind = Kind::kEvicted,
              .topic = order_.topic,
              .offset = evicted->low_water,
              .digest = wanted,
              .text = order_.cursor});
  goes_on_ = true;
  low_water_ = evicted->low_water;
  order_.start = CursorOrder::Start::kOffset;
  order_.offset = std::max(order_.offset, low_water_);
  return true;
}

}  // namespace jammi::test
