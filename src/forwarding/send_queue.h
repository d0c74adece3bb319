// The events of one topic that are to be sent, in their order, and what became of them. No clock, no threads,
// no database.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "jammi/events/event.h"

namespace jammi {

// Used by one thread. An event that fails stops those behind it: nothing more is sent until all that are
// under way have their outcome, and then those without one are sent again, in order.
class SendQueue {
 public:
  // `position`: all events of the topic's log that lie before it are done with.
  explicit SendQueue(uint64_t position) : position_(position) {}

  // To be sent behind all others; with it all before `position` is done. Without an event it is done already.
  void Add(std::optional<events::Event> event, uint64_t position);

  [[nodiscard]] size_t size() const { return items_.size(); }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] size_t under_way() const { return under_way_; }
  // One has failed, and nothing has been sent since: when none is under way, the caller waits before
  // Resume().
  [[nodiscard]] bool stopped() const { return stopped_; }

  // The next event to be sent, which is under way from now on; nullopt: there is none now.
  [[nodiscard]] std::optional<uint64_t> Next();
  // Valid until it is done.
  [[nodiscard]] const events::Event& event(uint64_t id) const { return *Item(id).event; }
  // How often it has been refused.
  [[nodiscard]] uint32_t Refused(uint64_t id) { return ++Item(id).refused; }

  // Outcomes of what is under way.
  void Done(uint64_t id);    // it was taken, or is given up
  void Failed(uint64_t id);  // it is to be sent again
  // REQUIRES: none is under way.
  void Resume();

  // All of the log before it is done with.
  [[nodiscard]] uint64_t position() const { return position_; }

 private:
  enum class State : uint8_t { kWaiting, kUnderWay, kDone };
  struct Entry {
    std::optional<events::Event> event;
    uint64_t position = 0;
    State state = State::kWaiting;
    uint32_t refused = 0;
  };
  [[nodiscard]] Entry& Item(uint64_t id) { return items_[id - first_]; }
  [[nodiscard]] const Entry& Item(uint64_t id) const { return items_[id - first_]; }
  void RemoveDone();

  std::deque<Entry> items_;
  uint64_t first_ = 0;  // the id of the first item
  uint64_t next_ = 0;   // the id of the next to be looked at
  size_t under_way_ = 0;
  bool stopped_ = false;
  uint64_t position_;
};

}  // namespace jammi
