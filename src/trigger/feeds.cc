#include "trigger/feeds.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <utility>
#include <vector>

#include "base/sync_point.h"
#include "catalog/changes.h"

namespace jammi {
namespace {

Result<void> CheckPosition(const Topic& topic, const Position& position, const Uuid& incarnation) {
  if (position.incarnation.IsNil() || position.topic != topic.id) {
    return Error(ErrorCode::kInvalidArgument, fmt::format("the position is none of topic '{}'", topic.name));
  }
  if (position.incarnation == incarnation) return {};
  return Error(
      ErrorCode::kFailedPrecondition,
      fmt::format("topic '{}': position {} counts in incarnation {}, and the catalog is of another by now",
                  topic.name, position.offset, position.incarnation.ToString()),
      PositionOutdatedDetail{position.incarnation.ToString()});
}

}  // namespace

namespace {

constexpr std::chrono::milliseconds kRingInterval{2};

}  // namespace

Feeds::Feeds(EventLog& log, const FeedLimits& limits, int dispatch_threads, int loader_threads,
             std::chrono::milliseconds head_poll, const Uuid& incarnation, BellMaker bells)
    : runtime_(std::make_shared<FeedRuntime>(&log, limits, dispatch_threads, loader_threads)),
      incarnation_(incarnation),
      make_bell_(std::move(bells)),
      poll_([this, head_poll](const std::stop_token& stop) { PollHeads(stop, head_poll); }) {
  if (make_bell_) answer_ = std::jthread([this](const std::stop_token& stop) { AnswerBells(stop); });
}

Result<std::unique_ptr<Subscription>> Feeds::Attach(const TopicEntry& topic, const Scope& reader, From from,
                                                    const SubscribeOptions& options) {
  JAMMI_ASSIGN(auto cursor, MakeCursor(topic, reader, from, options));
  return MakeSubscription(std::move(cursor));
}

Result<std::shared_ptr<Cursor>> Feeds::MakeCursor(const TopicEntry& topic, const Scope& reader, From from,
                                                  const SubscribeOptions& options) {
  // The feed first, then the head: what is committed after the head was read comes to the feed, or is
  // below a head that will.
  const auto feed = FindOrMake(topic);
  CursorStart start{.codec = topic.codec, .reader = reader, .decode = options.decode};
  JAMMI_ASSIGN(start.predicate, feed->Compile(options.predicate, topic.codec));

  JAMMI_ASSIGN(const Start found, FindStart(topic, from));
  feed->RaiseHead(found.head.next_offset);
  feed->pages().DropBelow(found.head.low_water);
  start.next = found.next;
  start.bookmark = {.incarnation = incarnation_, .topic = topic.topic.id};
  if (!options.follow) start.stop_at = found.head.next_offset;
  return std::make_shared<Cursor>(feed, std::move(start));
}

Result<Feeds::Start> Feeds::FindStart(const TopicEntry& topic, const From& from) const {
  if (from.kind() == From::Kind::kPosition)
    JAMMI_TRY(CheckPosition(topic.topic, from.position(), incarnation_));
  Start start;
  if (const auto head = runtime_->log->ReadHead(topic.topic_no)) {
    start.head = *head;
  } else {
    return head.error().code() == ErrorCode::kNotFound ? TopicNotFound(topic.topic.id.ToString())
                                                       : head.error();
  }
  switch (from.kind()) {
    case From::Kind::kOffset:
      start.next = from.offset();
      break;
    case From::Kind::kPosition:
      start.next = from.position().offset;
      break;
    case From::Kind::kNewest:
      start.next = start.head.next_offset;
      break;
    case From::Kind::kTime: {
      JAMMI_ASSIGN(start.next, runtime_->log->FindTime(topic.topic_no, from.time()));
      break;
    }
  }
  if (start.next < start.head.low_water) {
    return OffsetEvicted(start.next, start.head.low_water).While(fmt::format("topic '{}'", topic.topic.name));
  }
  return start;
}

void Feeds::OnCommitted(std::span<const CommittedEvent> events) {
  std::vector<std::shared_ptr<const Frame>> frames;
  for (size_t begin = 0; begin < events.size();) {
    size_t end = begin;
    while (end < events.size() && events[end].topic_no == events[begin].topic_no) ++end;
    if (const auto feed = Find(events[begin].topic_no)) {
      frames.clear();
      for (const auto& event : events.subspan(begin, end - begin)) {
        frames.push_back(std::make_shared<const Frame>(event.outcome.offset, event.outcome.committed_at,
                                                       event.scope, event.row_count, event.payload));
      }
      feed->Push(frames);
    }
    begin = end;
  }
}

void Feeds::OnDropped(int64_t topic_no) {
  if (const auto feed = Find(topic_no)) feed->End(/*drain=*/true);
}

void Feeds::OnHead(int64_t topic_no, uint64_t next_offset) {
  if (const auto feed = Find(topic_no)) feed->RaiseHead(next_offset);
}

bool Feeds::CheckDropped(int64_t topic_no) {
  const auto feed = Find(topic_no);
  return feed != nullptr && ReadHead(*feed);
}

bool Feeds::ReadHead(TopicFeed& feed) const {
  const auto head = runtime_->log->ReadHead(feed.topic_no());
  if (head) {
    feed.RaiseHead(head->next_offset);
    feed.pages().DropBelow(head->low_water);
    return false;
  }
  const bool gone = head.error().code() == ErrorCode::kNotFound;
  if (gone) feed.End(/*drain=*/true);
  return gone;
}

void Feeds::PollHeads(const std::stop_token& stop, std::chrono::milliseconds interval) const {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  const auto never = [] { return false; };
  while (!stopped.wait_for(lock, stop, interval, never) && !stop.stop_requested()) {
#ifndef JAMMI_BREAK_HEAD_REREAD  // the proof that the torture test can fail
    for (const auto& feed : All()) {
      feed->pages().Age();
      if (feed->HasWaiters()) ReadHead(*feed);
    }
#endif
  }
}

// A ring says only that it may be worth looking, so it costs a look at most; all that rang while it was being
// looked is one look.
void Feeds::AnswerBells(const std::stop_token& stop) const {
  std::unique_lock lock(rings_->mutex);
  while (rings_->changed.wait(lock, stop, [this] { return !rings_->topics.empty(); })) {
    const auto began = std::chrono::steady_clock::now();
    const auto rang = std::exchange(rings_->topics, {});
    lock.unlock();
    for (const auto& [topic_no, claimed] : rang) {
      const auto feed = Find(topic_no);
      // What claims to be known already is known, true or not.
      if (feed != nullptr && !(claimed && *claimed < feed->head())) ReadHead(*feed);
    }
    const auto took = std::chrono::steady_clock::now() - began;
    JAMMI_SYNC_POINT("Feeds::AnswerBells.answered");
    lock.lock();
    const auto pause = std::max<std::chrono::steady_clock::duration>(kRingInterval, took);
    std::condition_variable_any().wait_for(lock, stop, pause, [] { return false; });
  }
}

void Feeds::Shutdown() {
  poll_.request_stop();
  answer_.request_stop();
  if (poll_.joinable()) poll_.join();
  if (answer_.joinable()) answer_.join();
  std::vector<std::shared_ptr<BrokerBell>> bells;  // end outside the lock
  {
    const std::lock_guard lock(registry_->mutex);
    shut_ = true;
    for (auto& [topic_no, in_use] : registry_->feeds) bells.push_back(std::move(in_use.bell));
  }
  bells.clear();
  for (const auto& feed : All()) feed->End(/*drain=*/false);
  runtime_->loader.Stop();
  runtime_->dispatch.Stop();
}

std::vector<std::shared_ptr<TopicFeed>> Feeds::All() const {
  std::vector<std::shared_ptr<TopicFeed>> feeds;
  const std::lock_guard lock(registry_->mutex);
  for (const auto& [topic_no, in_use] : registry_->feeds) {
    if (auto feed = in_use.feed.lock()) feeds.push_back(std::move(feed));
  }
  return feeds;
}

size_t Feeds::size() const {
  const std::lock_guard lock(registry_->mutex);
  return registry_->feeds.size();
}

std::shared_ptr<TopicFeed> Feeds::Find(int64_t topic_no) const {
  const std::lock_guard lock(registry_->mutex);
  const auto it = registry_->feeds.find(topic_no);
  return it == registry_->feeds.end() ? nullptr : it->second.feed.lock();
}

std::shared_ptr<TopicFeed> Feeds::FindOrMake(const TopicEntry& topic) {
  const std::lock_guard lock(registry_->mutex);
  auto& in_use = registry_->feeds[topic.topic_no];
  if (auto feed = in_use.feed.lock()) return feed;
  // With its last subscription the feed goes, and its entry, unless a new one has taken its place.
  const auto forget = [registry = registry_, topic_no = topic.topic_no](TopicFeed* feed) {
    delete feed;
    std::shared_ptr<BrokerBell> bell;  // ends outside the lock
    const std::lock_guard relock(registry->mutex);
    const auto it = registry->feeds.find(topic_no);
    if (it == registry->feeds.end() || !it->second.feed.expired()) return;
    bell = std::move(it->second.bell);
    registry->feeds.erase(it);
  };
  std::shared_ptr<TopicFeed> feed(new TopicFeed(runtime_, topic.topic_no), forget);
  in_use.feed = feed;
  // The bell stays where a new feed takes the place of one that is just going.
  if (make_bell_ && !shut_ && in_use.bell == nullptr && topic.topic_no != kChangesTopicNo) {
    in_use.bell = make_bell_(topic.topic.id, [rings = rings_, topic_no = topic.topic_no](auto offset) {
      const std::lock_guard ringing(rings->mutex);
      const auto [it, first] = rings->topics.try_emplace(topic_no, offset);
      if (!first) it->second = it->second && offset ? std::max(it->second, offset) : std::nullopt;
      rings->changed.notify_all();
    });
  }
  return feed;
}

}  // namespace jammi
