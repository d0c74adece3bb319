// A durable spool: an event is on disk before Emit() answers, and a thread delivers it, however long that
// takes and however often the program is killed. docs/formats.md has the form of the files.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "jammi/clock.h"
#include "jammi/events/metrics.h"
#include "jammi/events/queue.h"
#include "jammi/events/sink.h"
#include "jammi/result.h"

namespace jammi::events {

// When an event counts as taken.
enum class SpoolSync : uint8_t {
  kEach,      // the disk has it; callers who come together share one sync
  kInterval,  // the kernel has it: a crash of the program loses nothing, a power failure the last interval
  kNone,      // the same, and the kernel decides when the disk gets it
};

class PauseClock;

struct SpoolOptions {
  std::filesystem::path directory;  // is made; its parent exists
  SpoolSync sync = SpoolSync::kEach;
  std::chrono::milliseconds sync_interval{100};  // kInterval
  // A file of the spool; it is deleted when all of it has been delivered.
  uint64_t segment_bytes = uint64_t{64} << 20;
  // Of events that are not delivered. The files may be larger by a segment.
  uint64_t max_bytes = uint64_t{1} << 30;
  size_t max_event_bytes = size_t{1} << 20;
  FullPolicy policy = FullPolicy::kBlock;      // kDropOldest drops the oldest segment
  std::chrono::milliseconds block_for{5000};   // kBlock
  std::shared_ptr<EventSink> spill = nullptr;  // kSpill
  // Events that the sink below has and has not answered. With 1 they arrive in order whatever happens; with
  // more, one that is sent again may arrive behind those that were sent with it.
  size_t window = 256;
  std::shared_ptr<Metrics> metrics = nullptr;
  std::shared_ptr<PauseClock> pauses = nullptr;  // between two tries; null: the machine's
};

// Bytes of the spool that were not what was written. They have been moved to a file, and nothing of them
// is delivered.
struct SpoolDamage {
  Error error;                       // kDataLoss (kSpillFailed): which file, where, what is wrong
  std::filesystem::path quarantine;  // the bytes as they were found
  uint64_t bytes = 0;
};

struct SpoolStatus {
  SinkHealth health = SinkHealth::kOk;
  uint64_t events = 0;      // not delivered
  uint64_t bytes = 0;       // of them
  uint64_t torn_bytes = 0;  // cut from the end when it was opened: of an event that nobody was told is taken
  std::vector<SpoolDamage> damage;  // found since it was opened, the first 100
};

// Thread-safe. Emit() that succeeds: see SpoolSync. Events that were taken are handed to the sink below in
// their order, and are the spool's until that sink has taken them. A transient error there stops the window:
// after the circuit's own time, or BackoffDelay(), what was not acknowledged is sent again; so events may be
// handed over twice, also after a crash. A stream that knows message ids keeps one, as long as its window of
// duplicates reaches. An event that can never pass goes to "quarantine/" in the directory, as a dead letter,
// and the others go on.
// Errors: kInvalidEvent, kEventTooLarge: nothing was changed; kSpillFull: `max_bytes`; kSinkFull: the disk
// is full; kSpillFailed: the file system said no: it was not taken. kSpillFailed (kOutcomeUnknown): the disk
// did not confirm it, so it may be delivered; from then on the spool takes nothing until it is opened
// again. kClosed.
class SpoolSink final : public EventSink {
 public:
  // Opens or makes the spool, reads and checks all that is in it, and begins to deliver.
  // Errors: kConfigError: a limit that is none; kSpillFailed (kUnavailable): another process has it open, or
  // the file system said no; kSpillFailed (kDataLoss): a file of a newer form.
  [[nodiscard]] static Result<std::unique_ptr<SpoolSink>> Open(
      std::shared_ptr<EventSink> inner, SpoolOptions options, std::shared_ptr<Clock> clock = Clock::System());
  ~SpoolSink() override;  // Close(Deadline::Now())

  [[nodiscard]] Result<void> Emit(const Event& event) override;
  void EmitAsync(const Event& event, Done done) override;  // `done`: it is taken, not: delivered
  // Waits until all that was taken before is delivered, or in quarantine. Also kDataLoss (kSpillFailed): a
  // file was changed while it was open; nothing more is delivered until the spool is opened again.
  [[nodiscard]] Result<void> Flush(Deadline deadline) override;
  // What is not delivered at the deadline stays on disk for the next Open(). Closes the sink below.
  [[nodiscard]] Result<void> Close(Deadline deadline) override;

  [[nodiscard]] SpoolStatus status() const;

 private:
  struct State;
  explicit SpoolSink(std::unique_ptr<State> state);
  // Open() on another file system.
  friend Result<std::unique_ptr<SpoolSink>> OpenSpool(std::shared_ptr<EventSink> inner, SpoolOptions options,
                                                      const std::shared_ptr<Clock>& clock, class Disk& disk);

  const std::unique_ptr<State> state_;
};

}  // namespace jammi::events
