#include "trigger/outbox.h"

#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <utility>

#include "base/callback.h"
#include "base/log.h"
#include "catalog/changes.h"

namespace jammi {
namespace {

constexpr size_t kMaxKnown = 16384;
constexpr std::chrono::milliseconds kCommandPatience{250};
// Of one topic, before it is the next one's turn.
constexpr size_t kEventsPerTurn = 16;

// The same event may be taken later.
bool IsWorthAnotherTry(const Error& error) {
  return IsRetryable(error.code()) || error.code() == ErrorCode::kOutcomeUnknown ||
         error.code() == ErrorCode::kResourceExhausted || error.code() == ErrorCode::kNotFound ||
         error.code() == ErrorCode::kPermissionDenied;
}

}  // namespace

std::shared_ptr<Outbox> Outbox::Start(std::shared_ptr<TriggerBroker> broker, Lookup lookup,
                                      const OutboxLimits& limits) {
  std::shared_ptr<Outbox> outbox(new Outbox(std::move(broker), std::move(lookup), limits));
  outbox->thread_ = std::thread([self = outbox.get()] { self->Run(); });
  return outbox;
}

Outbox::Outbox(std::shared_ptr<TriggerBroker> broker, Lookup lookup, const OutboxLimits& limits)
    : broker_(std::move(broker)), lookup_(std::move(lookup)), limits_(limits) {}

// --- What comes in ------------------------------------------------------------------------------------

void Outbox::Know(const Entry& entry) {
  const std::lock_guard lock(mutex_);
  // It spares look-ups, no more: a topic with nothing to send can be forgotten.
  if (queues_.size() >= kMaxKnown) {
    std::erase_if(queues_, [](const auto& each) {
      return !each.second.scheduled && each.second.events.empty() && !each.second.status.failing;
    });
  }
  auto& known = queues_[entry->topic_no].entry;
  if (known == nullptr || known->codec.versions() <= entry->codec.versions()) known = entry;
}

void Outbox::Register(const Entry& entry) {
  Command([this, entry] {
    const auto known = broker_->GrowTopic(entry->topic);
    const std::lock_guard relock(mutex_);
    if (known) {
      queues_[entry->topic_no].registered = true;
    } else {
      auto& queue = queues_[entry->topic_no];
      queue.entry = entry;
      queue.status.last_error = known.error().ToString();
      queue.status.last_error_at = jammi::Clock::System()->Now();
      Log(LogLevel::kWarning, "topic '{}': registered, but not with the broker: {}", entry->topic.name,
          known.error().ToString());
    }
  });
}

void Outbox::Command(std::move_only_function<void()> command) {
  const auto done = std::make_shared<std::promise<void>>();
  {
    const std::lock_guard lock(mutex_);
    if (shut_) return;
    commands_.emplace_back([command = std::move(command), done]() mutable {
      command();
      done->set_value();
    });
    changed_.notify_all();
  }
  done->get_future().wait_for(kCommandPatience);
}

void Outbox::OnCommitted(std::span<const CommittedEvent> events) {
  const std::lock_guard lock(mutex_);
  if (shut_) return;
  int64_t asked = 0;  // the topic number that the answer is about; none is 0
  bool wanted = false;
  for (const auto& event : events) {
    if (event.topic_no != std::exchange(asked, event.topic_no)) {
      const auto queue = queues_.find(event.topic_no);
      const bool known = queue != queues_.end() && queue->second.entry != nullptr;
      wanted = event.topic_no != kChangesTopicNo &&  // which is between engines, and reaches them by the log
               (!known || broker_->WantsPublish(queue->second.entry->topic.id));
    }
    if (wanted) EnqueueLocked(event);
  }
}

void Outbox::EnqueueLocked(const CommittedEvent& event) {
  auto& queue = queues_[event.topic_no];
  queue.events.push_back({event});
  queue.bytes += event.payload->size();
  MakeRoomLocked(queue);
  if (!queue.scheduled && !queue.again) ScheduleLocked(event.topic_no, queue, std::chrono::milliseconds(0));
}

// The oldest goes, of those that are not on their way.
void Outbox::MakeRoomLocked(TopicQueue& queue) {
  while (queue.bytes > limits_.queue_bytes && queue.events.size() > 1) {
    const auto oldest = std::ranges::find(queue.events, Waiting::State::kWaiting, &Waiting::state);
    if (oldest == queue.events.end()) return;
    const auto index = static_cast<size_t>(oldest - queue.events.begin());
    queue.bytes -= oldest->event.payload->size();
    const int64_t topic_no = oldest->event.topic_no;
    const uint64_t offset = oldest->event.outcome.offset;
    queue.events.erase(oldest);
    if (index < queue.next) --queue.next;
    ++queue.status.lost;
    if (!std::exchange(queue.loss_logged, true)) {
      Log(LogLevel::kWarning,
          "topic '{}': the broker is too slow or away; events from {} on miss it. Subscribers read them from "
          "the log",
          NameLocked(topic_no, queue), offset);
    }
  }
}

void Outbox::ScheduleLocked(int64_t topic_no, TopicQueue& queue, std::chrono::milliseconds after) {
  queue.scheduled = true;
  if (after.count() == 0) {
    turns_.push_back(topic_no);
  } else {
    later_.emplace(Clock::now() + after, topic_no);
  }
  if (!gathering_) changed_.notify_all();
}

void Outbox::Drop(int64_t topic_no, const TopicId& id) {
  // On the outbox's thread, so that no event brings the topic back.
  Command([this, topic_no, id] {
    {
      const std::lock_guard relock(mutex_);
      queues_.erase(topic_no);
    }
    if (const auto dropped = broker_->DropTopic(id); !dropped) {
      Log(LogLevel::kWarning, "topic {} was dropped, but not by the broker: {}", id.ToString(),
          dropped.error().ToString());
    }
  });
}

FanOutStatus Outbox::Status(int64_t topic_no) const {
  const std::lock_guard lock(mutex_);
  const auto queue = queues_.find(topic_no);
  if (queue == queues_.end()) return {};
  FanOutStatus status = queue->second.status;
  status.waiting = queue->second.events.size();
  return status;
}

void Outbox::Drain(Deadline deadline) {
  std::unique_lock lock(mutex_);
  const auto drained = [this] {
    return shut_ || (commands_.empty() && std::ranges::all_of(queues_, [](const auto& each) {
                       return each.second.events.empty() || each.second.status.failing;
                     }));
  };
  ++draining_;
  if (!drained() && !deadline.Passed()) changed_.wait_until(lock, deadline.at(), drained);
  --draining_;
}

void Outbox::Shutdown() {
  {
    const std::lock_guard lock(mutex_);
    shut_ = true;
    changed_.notify_all();
  }
  const std::lock_guard lock(join_mutex_);
  if (thread_.joinable()) thread_.join();
}

// --- The outbox's thread ------------------------------------------------------------------------------

// Once full, it has room again when half has come back: else each event that comes back would wake the
// thread.
bool Outbox::HasRoomLocked() {
  const int share = full_ ? 2 : 1;
  full_ = flight_events_ >= std::max<size_t>(limits_.flight_events / share, 1) ||
          flight_bytes_ >= std::max<int64_t>(limits_.flight_bytes / share, 1);
  return !full_;
}

void Outbox::Run() {
  std::unique_lock lock(mutex_);
  while (!shut_) {
    const auto now = Clock::now();
    while (!later_.empty() && later_.begin()->first <= now) {
      turns_.push_back(later_.begin()->second);
      later_.erase(later_.begin());
    }
    if (!commands_.empty()) {
      auto command = std::move(commands_.front());
      commands_.pop_front();
      lock.unlock();
      command();
      command = nullptr;
      lock.lock();
    } else if (now < next_pass_ && !turns_.empty()) {
      gathering_ = true;
      changed_.wait_until(lock, next_pass_);
      gathering_ = false;
    } else if (HasRoomLocked() && !turns_.empty()) {
      const int64_t topic_no = turns_.front();
      turns_.pop_front();
      TakeTurn(lock, topic_no);
      if (turns_.empty()) next_pass_ = Clock::now() + limits_.gather;
    } else if (later_.empty()) {
      changed_.wait(lock);
    } else {
      changed_.wait_until(lock, later_.begin()->first);
    }
  }
}

// A few events of one topic, then the next topic's turn.
void Outbox::TakeTurn(std::unique_lock<std::mutex>& lock, int64_t topic_no) {
  if (const auto it = queues_.find(topic_no); it != queues_.end()) it->second.scheduled = false;
  const auto entry = Prepare(lock, topic_no);
  for (size_t sent = 0; !shut_ && sent < kEventsPerTurn; ++sent) {
    const auto it = queues_.find(topic_no);
    if (it == queues_.end()) return;  // dropped meanwhile
    auto& queue = it->second;
    // What failed before is tried again alone, when nothing of the topic is on its way any more.
    if (queue.again || queue.scheduled) return;
    while (queue.next < queue.events.size() && queue.events[queue.next].state != Waiting::State::kWaiting)
      ++queue.next;
    if (queue.next == queue.events.size()) return;
    auto& waiting = queue.events[queue.next++];
    waiting.state = Waiting::State::kSent;
    const CommittedEvent event = waiting.event;
    ++queue.in_flight;
    ++flight_events_;
    flight_bytes_ += event.payload->size();
    lock.unlock();
    if (entry) {
      Send(**entry, event);
    } else {
      OnOutcome(topic_no, event.outcome.offset, event.payload->size(), entry.error());
    }
    lock.lock();
    if (!HasRoomLocked()) break;
  }
  const auto it = queues_.find(topic_no);
  if (it == queues_.end() || it->second.scheduled || it->second.again) return;
  if (it->second.next < it->second.events.size())
    ScheduleLocked(topic_no, it->second, std::chrono::milliseconds(0));
}

// The topic, known to us and to the broker.
Result<Outbox::Entry> Outbox::Prepare(std::unique_lock<std::mutex>& lock, int64_t topic_no) {
  const auto it = queues_.find(topic_no);
  if (it == queues_.end()) return Entry();
  Entry entry = it->second.entry;
  const bool registered = it->second.registered;
  if (entry != nullptr && registered) return entry;
  lock.unlock();
  auto found = entry != nullptr ? Result<Entry>(entry) : lookup_(topic_no);
  // Also a topic of another process's, or of a run before: its settings may have changed (W-05, W-15).
  auto known = !found || registered || !broker_->WantsPublish((*found)->topic.id)
                   ? Result<void>()
                   : broker_->GrowTopic((*found)->topic);
  lock.lock();
  const auto again = queues_.find(topic_no);
  if (again != queues_.end() && found) {
    if (again->second.entry == nullptr) again->second.entry = *found;
    again->second.registered = again->second.registered || known.has_value();
  }
  if (!found && found.error().code() == ErrorCode::kNotFound) {  // dropped, by whomever
    queues_.erase(topic_no);
    return Entry();
  }
  if (!found) return std::move(found).error();
  if (!known) return std::move(known).error();
  return found;
}

void Outbox::Send(const TopicEntry& entry, const CommittedEvent& event) {
  const uint64_t offset = event.outcome.offset;
  const int64_t bytes = event.payload->size();
  const auto& topic = entry.topic;
  if (!broker_->WantsPublish(topic.id)) return OnOutcome(event.topic_no, offset, bytes, Offset{offset});
  const auto batch = entry.codec.Decode(event.payload, event.row_count);
  if (!batch) return OnOutcome(event.topic_no, offset, bytes, batch.error());
  broker_->PublishAsync(
      topic.id, *batch, event.outcome.committed_at, offset, event.scope.tenant(),
      [weak = weak_from_this(), topic_no = event.topic_no, offset, bytes](Result<Offset> outcome) {
        if (const auto self = weak.lock()) self->OnOutcome(topic_no, offset, bytes, outcome);
      });
}

// --- What comes back ----------------------------------------------------------------------------------

void Outbox::OnOutcome(int64_t topic_no, uint64_t offset, int64_t bytes, const Result<Offset>& outcome) {
  const std::lock_guard lock(mutex_);
  --flight_events_;
  flight_bytes_ -= bytes;
  if ((full_ && HasRoomLocked()) || draining_ > 0) changed_.notify_all();
  const auto it = queues_.find(topic_no);
  if (it == queues_.end()) return;
  auto& queue = it->second;
  if (queue.in_flight > 0) --queue.in_flight;
  if (outcome) {
    FinishLocked(queue, offset);
    if (!queue.again) WorksLocked(queue, offset);
  } else {
    FailLocked(queue, offset, outcome.error());
    const auto failed = std::ranges::lower_bound(queue.events, offset, {},
                                                 [](const auto& each) { return each.event.outcome.offset; });
    const bool forgotten = outcome.error().code() == ErrorCode::kNotFound;
    // The schema has grown, and it was another process that made it grow, or the driver was away. Once.
    const bool grown = outcome.error().As<BatchSchemaMismatchDetail>() != nullptr &&
                       std::exchange(queue.mismatch_at, offset) != offset;
    if (failed != queue.events.end() && (grown || IsWorthAnotherTry(outcome.error()))) {
      failed->state = Waiting::State::kWaiting;
      queue.again = true;
      if (forgotten || grown) queue.registered = false;
    } else {
      ++queue.status.lost;
      FinishLocked(queue, offset);
    }
  }
  if (!queue.again || queue.in_flight > 0) return;
  // From the first that is left on, so that they go out in order.
  queue.again = false;
  queue.next = 0;
  if (queue.scheduled) return;
  queue.pause = std::clamp(queue.pause * 2, limits_.first_pause, limits_.longest_pause);
  ScheduleLocked(topic_no, queue, queue.pause);
}

void Outbox::FinishLocked(TopicQueue& queue, uint64_t offset) {
  const auto at = std::ranges::lower_bound(queue.events, offset, {},
                                           [](const auto& each) { return each.event.outcome.offset; });
  if (at == queue.events.end() || at->event.outcome.offset != offset) return;
  at->state = Waiting::State::kDone;
  while (!queue.events.empty() && queue.events.front().state == Waiting::State::kDone) {
    queue.bytes -= queue.events.front().event.payload->size();
    queue.events.pop_front();
    if (queue.next > 0) --queue.next;
  }
}

void Outbox::FailLocked(TopicQueue& queue, uint64_t offset, const Error& error) {
  queue.status.last_error = error.ToString();
  queue.status.last_error_at = jammi::Clock::System()->Now();
  if (std::exchange(queue.status.failing, true)) return;
  queue.lost_before = queue.status.lost;
  const std::string name = queue.entry == nullptr ? "?" : queue.entry->topic.name;
  Log(LogLevel::kWarning,
      "topic '{}': the broker did not take event {} ({}); subscribers read it from the log", name, offset,
      error.ToString());
}

void Outbox::WorksLocked(TopicQueue& queue, uint64_t offset) {
  queue.pause = std::chrono::milliseconds(0);
  // A broker that is too slow takes one event and misses another all the time. It has caught up when nothing
  // waits for it any more.
  if (!queue.status.failing && queue.loss_logged && !queue.events.empty()) return;
  if (queue.status.failing || queue.loss_logged) {
    const std::string name = queue.entry == nullptr ? "?" : queue.entry->topic.name;
    Log(LogLevel::kWarning, "topic '{}': the broker takes events again, from {} on; {} missed it", name,
        offset, queue.status.lost - queue.lost_before);
  }
  queue.lost_before = queue.status.lost;
  queue.status.failing = false;
  queue.loss_logged = false;
}

std::string Outbox::NameLocked(int64_t topic_no, const TopicQueue& queue) {
  return queue.entry == nullptr ? std::to_string(topic_no) : queue.entry->topic.name;
}

}  // namespace jammi
