// The processes of a torture run: started, killed, suspended, started again, and listened to. What they say
// goes into one history, which outlives them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/child_process.h"
#include "support/random.h"
#include "torture/checker.h"
#include "torture/history.h"
#include "torture/order.h"

namespace jammi::test {

// One of the processes that run at once; each time it is started it is a new one.
struct Part {
  std::string name;
  int publishers = 0;  // threads
  int consumers = 0;   // threads for each named consumer
  int cursors = 0;
};

// What a process works with, as torture_child takes it.
struct Place {
  std::string catalog;  // "sqlite:FILE", "postgres:URL"
  std::string broker;   // of NATS; empty: none
};

// Used by one thread.
class Company {
 public:
  using PlaceOf = std::function<Place(size_t part)>;
  Company(std::string program, std::vector<Part> parts, PlaceOf place, uint64_t seed);
  ~Company();
  Company(const Company&) = delete;
  Company& operator=(const Company&) = delete;

  [[nodiscard]] size_t size() const { return members_.size(); }
  [[nodiscard]] const std::string& name(size_t part) const { return members_[part]->part.name; }

  // Starts the part: its cursors go on where they were, or make room for new ones. Not if it runs.
  void Start(size_t part);
  void Kill(size_t part);
  // SIGTERM, and waits for its end.
  void Dismiss(size_t part, std::chrono::seconds patience);
  void Suspend(size_t part);
  void Resume(size_t part);
  [[nodiscard]] bool running(size_t part) const { return members_[part]->child != nullptr; }
  [[nodiscard]] bool suspended(size_t part) const { return members_[part]->suspended; }
  [[nodiscard]] bool ready(size_t part) const;

  // Parts that have ended without having been told so: it is a broken promise, and they are started again.
  void LookAfter();

  // Runs torture_child in another role to its end. What it says goes into `history`, else into this one.
  void RunAside(const std::string& role, const std::vector<CursorOrder>& cursors, const Place& place,
                History* history = nullptr);

  // Waits until all run, publish nothing in this odd round, and have passed all that is acknowledged. Returns
  // what is missing when the patience is at its end; empty = nothing.
  std::vector<std::string> AwaitCalm(uint64_t round, std::chrono::seconds patience);

  // Something was found wrong already.
  [[nodiscard]] bool broken() const;
  // Call it when nobody runs.
  [[nodiscard]] const History& history() const { return history_; }
  // An order that goes on where the cursor was.
  [[nodiscard]] CursorOrder GoOn(CursorOrder order) const;

 private:
  struct Member {
    Part part;
    std::vector<CursorOrder> cursors;
    std::unique_ptr<ChildProcess> child;
    std::thread listener;
    bool suspended = false;
    // Under mutex_.
    bool ready = false;
    bool silent = false;  // its pipe is at its end
    std::optional<uint64_t> paused;
  };

  [[nodiscard]] std::vector<std::string> Command(const std::string& role, const std::string& name,
                                                 const Part& part, const Place& place,
                                                 const std::vector<CursorOrder>& cursors);
  void Listen(Member& member, ChildProcess& child);
  void Hear(Member& member, const std::string& line);
  int Bury(Member& member);
  CursorOrder NewCursor(const std::string& part);
  std::vector<std::string> Missing(uint64_t round) const;

  const std::string program_;
  const PlaceOf place_;
  Random random_;
  uint64_t starts_ = 0;
  uint64_t cursors_ = 0;
  std::vector<std::unique_ptr<Member>> members_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  History history_;
};

}  // namespace jammi::test
