// An event log in memory: the model that the tests of this folder compare with, and a stage on which
// they place commits, faults and delays one by one.
#pragma once

#include <arrow/buffer.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "catalog/event_log.h"
#include "catalog/producer_keys.h"

namespace jammi {

// Thread-safe. Commits are in the order of Append calls; the listener hears them in that order.
class FakeLog final : public EventLog {
 public:
  void Create(int64_t topic_no) {
    const std::lock_guard lock(mutex_);
    topics_[topic_no];
  }
  void Drop(int64_t topic_no) {
    const std::lock_guard lock(mutex_);
    topics_.erase(topic_no);
  }
  void Trim(int64_t topic_no, uint64_t low_water) {
    const std::lock_guard lock(mutex_);
    topics_.at(topic_no).low_water = low_water;
  }
  // The next appends are not told to the listener, as if another process had committed them.
  void set_silent(bool silent) {
    const std::lock_guard lock(mutex_);
    silent_ = silent;
  }
  // What each Read does first, on the reader's thread; an error fails the read.
  void set_before_read(std::function<Result<void>()> hook) {
    const std::lock_guard lock(mutex_);
    before_read_ = std::move(hook);
  }
  // What each ReadHead does last, on the reader's thread, with its answer in hand.
  void set_after_head_read(std::function<void()> hook) {
    const std::lock_guard lock(mutex_);
    after_head_read_ = std::move(hook);
  }
  // Lets a test damage what is stored.
  template <class Fn>
  void Edit(int64_t topic_no, uint64_t offset, Fn edit) {
    const std::lock_guard lock(mutex_);
    edit(topics_.at(topic_no).events.at(offset));
  }
  [[nodiscard]] std::vector<LogEvent> Events(int64_t topic_no) const {
    const std::lock_guard lock(mutex_);
    return topics_.at(topic_no).events;
  }
  [[nodiscard]] int reads() const {
    const std::lock_guard lock(mutex_);
    return reads_;
  }
  [[nodiscard]] int head_reads() const {
    const std::lock_guard lock(mutex_);
    return head_reads_;
  }
  void set_now(UnixMicros now) {
    const std::lock_guard lock(mutex_);
    now_ = now;
  }

  Result<AppendOutcome> Append(AppendRequest request, Deadline /*deadline*/) override {
    // Held to the end: the listener hears commits in order.
    const std::lock_guard order(commit_mutex_);
    std::vector<CommittedEvent> committed;
    AppendOutcome outcome;
    Listener listener;
    {
      const std::lock_guard lock(mutex_);
      const auto topic = topics_.find(request.events.front().topic_no);
      if (topic == topics_.end()) return Error(ErrorCode::kNotFound, "no head");
      TopicLog& log = topic->second;
      outcome = {log.events.size(), now_};
      if (!request.producer_key.empty()) {
        const Scope& scope = request.events.front().scope;
        const Keyed keyed{outcome, std::ssize(request.events), ContentChecksum(request)};
        const auto [known, is_new] = log.keys.try_emplace({scope.Key(), request.producer_key}, keyed);
        if (!is_new) return AgainstKey(request, keyed, known->second);
      }
      for (const EventAppend& event : request.events) {
        const AppendOutcome own{log.events.size(), now_};
        log.events.push_back({.offset = own.offset,
                              .committed_at = now_,
                              .scope = event.scope,
                              .row_count = event.row_count,
                              .checksum = event.checksum,
                              .payload = event.payload});
        committed.push_back(
            {event.topic_no, own, event.scope, event.row_count, event.checksum, event.payload});
      }
      if (!silent_) listener = listener_;
    }
    if (listener) listener(committed);
    return outcome;
  }
  void AppendAsync(AppendRequest request, Deadline deadline, Done done) override {
    done(Append(std::move(request), deadline));
  }
  void SetListener(Listener listener) override {
    const std::lock_guard lock(mutex_);
    listener_ = std::move(listener);
  }

  Result<LogPage> Read(int64_t topic_no, uint64_t from, const Scope& reader,
                       const PageLimit& limit) override {
    std::function<Result<void>()> hook;
    {
      const std::lock_guard lock(mutex_);
      ++reads_;
      hook = before_read_;
    }
    if (hook) JAMMI_TRY(hook());
    const std::lock_guard lock(mutex_);
    const auto topic = topics_.find(topic_no);
    if (topic == topics_.end()) return Error(ErrorCode::kNotFound, "no head");
    const auto& events = topic->second.events;
    LogPage page{.head = {topic->second.low_water, events.size()}};
    if (from < page.head.low_water) return page;
    for (int64_t bytes = 0; from < events.size() && std::ssize(page.events) < limit.events; ++from) {
      LogEvent event = events[from];
      if (!reader.Sees(event.scope)) {
        event.payload = nullptr;
      } else if (Checksum({event.payload->data(), static_cast<size_t>(event.payload->size())}) !=
                 event.checksum) {
        if (page.events.empty()) {
          return Error(ErrorCode::kDataLoss,
                       fmt::format("the event at offset {} has a wrong checksum", from));
        }
        break;
      } else if (bytes += event.payload->size(); !page.events.empty() && bytes > limit.bytes) {
        break;
      }
      page.events.push_back(std::move(event));
    }
    return page;
  }
  Result<LogHead> ReadHead(int64_t topic_no) override {
    std::function<void()> hook;
    LogHead head;
    {
      const std::lock_guard lock(mutex_);
      ++head_reads_;
      const auto topic = topics_.find(topic_no);
      if (topic == topics_.end()) return Error(ErrorCode::kNotFound, "no head");
      head = {topic->second.low_water, topic->second.events.size()};
      hook = after_head_read_;
    }
    if (hook) hook();
    return head;
  }
  Result<uint64_t> FindTime(int64_t topic_no, UnixMicros time) override {
    const std::lock_guard lock(mutex_);
    const auto& topic = topics_.at(topic_no);
    const auto found =
        std::find_if(topic.events.begin() + static_cast<int64_t>(topic.low_water), topic.events.end(),
                     [&](const LogEvent& event) { return event.committed_at >= time; });
    return static_cast<uint64_t>(found - topic.events.begin());
  }

 private:
  struct Keyed {
    AppendOutcome outcome;
    int64_t events = 0;
    uint64_t checksum = 0;
  };
  struct TopicLog {
    uint64_t low_water = 0;
    std::vector<LogEvent> events;
    std::map<std::pair<std::string, std::string>, Keyed> keys;  // by scope and producer key
  };
  static Result<AppendOutcome> AgainstKey(const AppendRequest& request, const Keyed& asked,
                                          const Keyed& known) {
    if (asked.events != known.events || asked.checksum != known.checksum) {
      return Error(ErrorCode::kAlreadyExists, "the producer key is taken",
                   ProducerKeyConflictDetail{request.producer_key, known.outcome.offset});
    }
    AppendOutcome outcome = known.outcome;
    outcome.duplicate = true;
    return outcome;
  }

  std::mutex commit_mutex_;
  mutable std::mutex mutex_;
  std::map<int64_t, TopicLog> topics_;
  Listener listener_;
  std::function<Result<void>()> before_read_;
  std::function<void()> after_head_read_;
  bool silent_ = false;
  int reads_ = 0;
  int head_reads_ = 0;
  UnixMicros now_ = 1'000'000;
};

}  // namespace jammi
