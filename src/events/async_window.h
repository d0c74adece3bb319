// The events of EmitAsync() that have no outcome yet: in order, bounded, and sent again where that may help.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "events/sink_core.h"
#include "jammi/events/sink.h"

namespace jammi::events {

// Thread-safe. No lock is held while an event is handed to the publisher: one thread at a time does that, for
// all. After a failure of the moment nothing is sent until all that is under way has its outcome; then, after
// a pause, the first event without one goes alone, and the others follow when it was taken.
class AsyncWindow {
 public:
  using Done = EventSink::Done;

  // `core` outlives it.
  explicit AsyncWindow(SinkCore& core);
  // REQUIRES: Abort() and the publisher's Close() have been called.
  ~AsyncWindow();
  AsyncWindow(const AsyncWindow&) = delete;
  AsyncWindow& operator=(const AsyncWindow&) = delete;

  // Waits for room, unless it is called from a `done`. `event` is taken; what it is afterwards are the
  // buffers of another.
  void Emit(PreparedEvent* event, Done done);

  // Waits for the outcome of all events up to now, their `done` included. False: at the deadline not all
  // have.
  bool AwaitAll(Deadline deadline);
  [[nodiscard]] size_t size() const;

  // Takes nothing more.
  void Refuse();
  // Sends nothing more: what is not under way ends with kClosed.
  void Abort();

 private:
  using TimePoint = PauseClock::TimePoint;
  enum class Stage : uint8_t { kWaiting, kSent, kEnded, kTold };
  struct Item {
    PreparedEvent event;
    Done done;
    Circuit::Permit permit = {};
    std::optional<TimePoint> deadline = {};
    Stage stage = Stage::kWaiting;
    TimePoint sent = {};
    std::optional<Error> error = {};  // of the last try
  };
  enum class Mode : uint8_t {
    kFlowing,
    kStopped,  // one has failed; the outcomes of those under way are awaited
    kPausing,
    kHead,  // the first goes alone
  };
  struct Told {
    uint64_t number;
    Done done;
    Result<void> result;
  };
  using Lock = std::unique_lock<std::mutex>;

  [[nodiscard]] Item& At(uint64_t number) { return *items_[number - first_]; }
  [[nodiscard]] uint64_t End() const { return first_ + items_.size(); }
  [[nodiscard]] Result<void> Admit(Lock& lock, PreparedEvent* event, Done& done);
  [[nodiscard]] std::unique_ptr<Item> TakeSpareLocked();
  void Pump(Lock& lock);
  void HandOver(Lock& lock, uint64_t number);
  void OnOutcome(uint64_t number, Result<PubAck> outcome);
  void EndLocked(uint64_t number, Result<void> result, std::vector<Told>* told);
  void TakeOutcomeLocked(uint64_t number, Result<PubAck> outcome, std::vector<Told>* told);
  void DecideLocked(std::vector<Told>* told);
  void GiveUpLocked(uint64_t head, std::vector<Told>* told);
  void Tell(std::vector<Told> told);
  void PopLocked();
  void Work(const std::stop_token& stop);

  SinkCore& core_;

  mutable std::mutex mutex_;
  std::condition_variable popped_;  // the first items were
  // Emitters that find no room wait until half of it is free, or has been freed: one by one they would cost
  // a wake-up for every acknowledgement.
  std::condition_variable room_;
  size_t waiting_for_room_ = 0;
  size_t popped_since_wake_ = 0;
  std::condition_variable_any worker_wakes_;
  std::deque<std::unique_ptr<Item>> items_;
  std::vector<std::unique_ptr<Item>> spare_;  // used again, as many as were ever in the window
  uint64_t first_ = 0;                        // the number of the first item
  uint64_t next_ = 0;                         // the number of the next one to send
  size_t under_way_ = 0;
  bool pumping_ = false;
  std::optional<uint64_t> handing_over_;  // its bytes are in use
  Mode mode_ = Mode::kFlowing;
  uint32_t failed_in_row_ = 0;
  std::chrono::milliseconds pause_{0};  // of kPausing
  bool refusing_ = false;
  bool aborted_ = false;
  std::jthread worker_;  // last: it uses the rest
};

}  // namespace jammi::events
