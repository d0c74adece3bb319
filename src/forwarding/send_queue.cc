#include "forwarding/send_queue.h"

#include <utility>

namespace jammi {

void SendQueue::Add(std::optional<events::Event> event, uint64_t position) {
  const State state = event ? State::kWaiting : State::kDone;
  items_.push_back({std::move(event), position, state});
  RemoveDone();
}

std::optional<uint64_t> SendQueue::Next() {
  if (stopped_) return std::nullopt;
  for (; next_ < first_ + items_.size(); ++next_) {
    if (Item(next_).state != State::kWaiting) continue;
    Item(next_).state = State::kUnderWay;
    ++under_way_;
    return next_++;
  }
  return std::nullopt;
}

void SendQueue::Done(uint64_t id) {
  Item(id).state = State::kDone;
  --under_way_;
  RemoveDone();
}

void SendQueue::Failed(uint64_t id) {
  Item(id).state = State::kWaiting;
  --under_way_;
  stopped_ = true;
}

void SendQueue::Resume() {
  stopped_ = false;
  next_ = first_;
}

void SendQueue::RemoveDone() {
  while (!items_.empty() && items_.front().state == State::kDone) {
    position_ = items_.front().position;
    items_.pop_front();
    ++first_;
  }
  if (next_ < first_) next_ = first_;
}

}  // namespace jammi
