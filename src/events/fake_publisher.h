// A publisher for tests that answers what it is told to, at once or later.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <semaphore>
#include <string>
#include <utility>
#include <vector>

#include "events/sink_error.h"
#include "jammi/events/publisher.h"

namespace jammi::events::test {

// Thread-safe.
class FakePublisher final : public Publisher {
 public:
  struct Call {
    std::string subject;
    std::string payload;
    Headers headers;
  };
  using Answer = std::function<Result<PubAck>()>;

  // What every call from now on is answered. Runs without a lock.
  void Answers(Answer answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  void Works() { Answers(nullptr); }
  void Fails(SinkFault fault = SinkFault::kUnavailable) {
    Answers([fault]() -> Result<PubAck> { return SinkError(fault, "jetstream publish: as told"); });
  }
  // From now on nothing is answered before Release().
  void Hold() {
    const std::lock_guard lock(mutex_);
    held_ = true;
  }
  // Answers what is held, in its order, and everything from now on.
  void Release() {
    std::deque<Done> waiting;
    {
      const std::lock_guard lock(mutex_);
      held_ = false;
      waiting.swap(waiting_);
      changed_.notify_all();
    }
    for (auto& done : waiting) done(Now());
  }
  // Answers the first that is held.
  void AnswerOne(Result<PubAck> answer) {
    Done done;
    {
      const std::lock_guard lock(mutex_);
      done = std::move(waiting_.front());
      waiting_.pop_front();
    }
    done(std::move(answer));
  }
  // Waits until there have been so many calls.
  void AwaitCalls(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return calls_.size() >= count; });
  }
  [[nodiscard]] std::vector<Call> calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  [[nodiscard]] size_t count() const { return calls().size(); }
  void Connected() { connected_(); }

  size_t max_payload_bytes = 0;
  bool headers = true;

  Result<PubAck> Publish(const OutgoingEvent& event, Deadline /*deadline*/) override {
    {
      std::unique_lock lock(mutex_);
      Note(event);
      changed_.wait(lock, [this] { return !held_ || closed_; });
    }
    return Now();
  }
  void PublishAsync(const OutgoingEvent& event, Deadline /*deadline*/, Done done) override {
    {
      const std::lock_guard lock(mutex_);
      Note(event);
      if (held_ && !closed_) return waiting_.push_back(std::move(done));
    }
    done(Now());
  }
  void SendNow() override { asked_to_send_.release(); }
  // Waits until somebody wants what was handed over to go out.
  void AwaitSendNow() { asked_to_send_.acquire(); }
  [[nodiscard]] size_t max_payload() const override { return max_payload_bytes; }
  [[nodiscard]] bool supports_headers() const override { return headers; }
  void OnConnected(std::function<void()> connected) override { connected_ = std::move(connected); }
  void Close() override {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    Release();
  }

 private:
  void Note(const OutgoingEvent& event) {
    calls_.push_back({std::string(event.subject), std::string(event.payload), event.headers});
    changed_.notify_all();
  }
  Result<PubAck> Now() {
    Answer answer;
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return SinkError(SinkFault::kClosed, "closed");
      answer = answer_;
      if (!answer) return PubAck{.stream = "S", .seq = calls_.size()};
    }
    return answer();
  }

  std::counting_semaphore<> asked_to_send_{0};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Answer answer_;
  bool held_ = false;
  bool closed_ = false;
  std::deque<Done> waiting_;
  std::vector<Call> calls_;
  std::function<void()> connected_;
};

}  // namespace jammi::events::test
