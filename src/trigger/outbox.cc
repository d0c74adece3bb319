#include "trigger/outbox.h"

#include <arrow/buffer.h>
#include <arrow/record_batch.h>

#include <future>
#include <utility>

#include "base/log.h"
#include "catalog/changes.h"

namespace jammi {
namespace {

constexpr size_t kMaxKnown = 16384;

}  // namespace

Outbox::Outbox(std::shared_ptr<TriggerBroker> broker, Lookup lookup, int64_t max_bytes)
    : broker_(std::move(broker)), lookup_(std::move(lookup)), max_bytes_(max_bytes) {}

void Outbox::Know(const Entry& entry) {
  const std::lock_guard lock(mutex_);
  // It spares look-ups, no more: a topic with nothing to send can be forgotten.
  if (queues_.size() >= kMaxKnown) {
    std::erase_if(queues_, [](const auto& each) { return !each.second.scheduled; });
  }
  auto& known = queues_[entry->topic_no].entry;
  if (known == nullptr || known->codec.versions() <= entry->codec.versions()) known = entry;
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
    if (wanted) Enqueue(event);
  }
}

void Outbox::Enqueue(const CommittedEvent& event) {
  auto& queue = queues_[event.topic_no];
  queue.events.push_back(event);
  queue.bytes += event.payload->size();
  while (queue.bytes > max_bytes_ && queue.events.size() > 1) {
    queue.bytes -= queue.events.front().payload->size();
    queue.events.pop_front();
    ++queue.lost;
  }
  if (!std::exchange(queue.scheduled, true)) Schedule(event.topic_no);
}

void Outbox::Schedule(int64_t topic_no) {
  thread_.Post([this, topic_no] { Send(topic_no); });
}

// One event of one topic, then the next topic's turn.
void Outbox::Send(int64_t topic_no) {
  CommittedEvent event;
  Entry entry;
  {
    const std::lock_guard lock(mutex_);
    const auto queue = queues_.find(topic_no);
    if (shut_ || queue == queues_.end()) return;
    auto& waiting = queue->second;
    // Dropped meanwhile, and known again to somebody who had read the row before.
    if (waiting.events.empty()) {
      waiting.scheduled = false;
      return;
    }
    event = std::move(waiting.events.front());
    waiting.events.pop_front();
    waiting.bytes -= event.payload->size();
    entry = waiting.entry;
  }
  const auto sent = SendOne(entry, event);
  if (entry != nullptr) Know(entry);
  Report(topic_no, event, sent);

  const std::lock_guard lock(mutex_);
  auto& queue = queues_[topic_no];
  queue.scheduled = !queue.events.empty();
  if (queue.scheduled) Schedule(topic_no);
}

Result<void> Outbox::SendOne(Entry& entry, const CommittedEvent& event) {
  if (entry == nullptr) {
    JAMMI_ASSIGN(entry, lookup_(event.topic_no));
  }
  const auto& topic = entry->topic;
  if (!broker_->WantsPublish(topic.id)) return {};
  JAMMI_ASSIGN(const auto batch, entry->codec.Decode(event.payload, event.row_count));
  const auto publish = [&] {
    return broker_->Publish(topic.id, batch, event.outcome.committed_at, event.outcome.offset,
                            event.scope.tenant());
  };
  auto published = publish();
  if (!published && published.error().code() == ErrorCode::kNotFound) {
    // The driver was started after the topic was registered (W-05).
    JAMMI_TRY(broker_->RegisterTopic(topic));
    published = publish();
  }
  if (!published && published.error().As<BatchSchemaMismatchDetail>() != nullptr) {
    // The schema has grown, and it was another process that made it grow, or the driver was away.
    JAMMI_TRY(broker_->GrowTopic(topic));
    published = publish();
  }
  if (!published) return std::move(published).error();
  return {};
}

void Outbox::Report(int64_t topic_no, const CommittedEvent& event, const Result<void>& sent) {
  const std::lock_guard lock(mutex_);
  auto& queue = queues_[topic_no];
  const uint64_t lost = std::exchange(queue.lost, 0);
  const std::string name = queue.entry == nullptr ? std::to_string(topic_no) : queue.entry->topic.name;
  if (!sent && !std::exchange(queue.failing, true)) {
    Log(LogLevel::kWarning,
        "topic '{}': the broker did not take event {} ({}); subscribers read it from the log", name,
        event.outcome.offset, sent.error().ToString());
  } else if (sent && std::exchange(queue.failing, false)) {
    Log(LogLevel::kWarning, "topic '{}': the broker takes events again, from {} on", name,
        event.outcome.offset);
  }
  if (lost > 0) {
    Log(LogLevel::kWarning, "topic '{}': {} events before {} missed the broker: it is too slow", name, lost,
        event.outcome.offset);
  }
}

void Outbox::Drop(int64_t topic_no, const TopicId& id) {
  // On the outbox's thread, so that no event brings the topic back.
  std::promise<void> done;
  const bool posted = thread_.Post([&] {
    {
      const std::lock_guard lock(mutex_);
      queues_.erase(topic_no);
    }
    if (const auto dropped = broker_->DropTopic(id); !dropped) {
      Log(LogLevel::kWarning, "topic {} was dropped, but not by the broker: {}", id.ToString(),
          dropped.error().ToString());
    }
    done.set_value();
  });
  if (posted) done.get_future().wait();
}

void Outbox::Shutdown() {
  {
    const std::lock_guard lock(mutex_);
    shut_ = true;
  }
  thread_.Stop();
}

}  // namespace jammi
