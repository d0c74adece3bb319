// Dead letters: an event that the sink below does not take becomes a file, which Replay() sends later.
// The files are those of the event sink family; docs/formats.md has their form.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>

#include "jammi/clock.h"
#include "jammi/events/metrics.h"
#include "jammi/events/sink.h"
#include "jammi/result.h"

namespace jammi::events {

class PauseClock;

struct DeadLetterOptions {
  std::filesystem::path directory;  // exists
  // What may lie there; an event beyond any of these is not spilled. Nothing old is ever deleted.
  uint64_t max_files = 100'000;
  uint64_t max_bytes = uint64_t{1} << 30;
  uint64_t min_free_bytes = uint64_t{64} << 20;  // that stay free on the file system
  bool spill_invalid = false;                    // also what is no valid event
  std::shared_ptr<Metrics> metrics = nullptr;
  // Told of each event that became a file, just before it has its outcome and on the same thread. Short.
  std::function<void(const Event&, const std::filesystem::path& file)> on_spilled = nullptr;
};

// Errors: kConfigError: no directory, or no file can be made in it; by its name. Leaves nothing behind.
[[nodiscard]] Result<void> CheckDeadLetterDirectory(const std::filesystem::path& directory);

// Thread-safe. Emit() that succeeds: the sink below has the event, or a file on disk has it. If it can be
// written nowhere, the error is that of the sink below, unchanged; why it could not be written is logged.
// kInvalidEvent, kInvalidSubject and kSignError are not spilled.
class DeadLetterSink final : public EventSink {
 public:
  // Errors: those of CheckDeadLetterDirectory(). `clock` names the files.
  [[nodiscard]] static Result<std::unique_ptr<DeadLetterSink>> Open(
      std::shared_ptr<EventSink> inner, DeadLetterOptions options,
      std::shared_ptr<Clock> clock = Clock::System());
  ~DeadLetterSink() override;

  [[nodiscard]] Result<void> Emit(const Event& event) override;
  void EmitAsync(const Event& event, Done done) override;
  [[nodiscard]] Result<void> Flush(Deadline deadline) override;
  [[nodiscard]] Result<void> Close(Deadline deadline) override;  // the sink below too

 private:
  struct State;
  explicit DeadLetterSink(std::shared_ptr<State> state);

  const std::shared_ptr<State> state_;
  const std::jthread writer_;
};

struct ReplayProgress {
  uint64_t files = 0;  // that were there at the beginning, and are old enough
  uint64_t sent = 0;
  uint64_t quarantined = 0;
};

struct ReplayOptions {
  std::filesystem::path directory;
  double events_per_second = 0;             // 0 = as fast as it goes
  uint64_t max_events = 0;                  // 0 = all
  bool dry_run = false;                     // reads and judges every file; sends, moves and deletes nothing
  std::chrono::milliseconds older_than{0};  // only files whose names say so
  std::function<void(const ReplayProgress&)> progress = nullptr;  // after each file
  std::stop_token stop = {};                                      // ends it between two events
  std::shared_ptr<PauseClock> pauses = nullptr;                   // null: the machine's
  std::shared_ptr<Metrics> metrics = nullptr;
};

struct ReplayReport {
  ReplayProgress done;
  uint64_t left = 0;             // files that wait for another time
  std::optional<Error> stopped;  // why it ended early: the error of an event that may pass later
};

// Sends the events of the directory's files to `sink` (what lies below the DeadLetterSink), in the order of
// their names, and deletes each file when its event was taken. A file that is none of ours, or whose event
// can never pass, is moved to "quarantine/" in the directory. Files of the reference are read too. An event
// whose file could not be deleted any more is sent again by the next replay, with the same id.
// Errors: kUnavailable (kSpillFailed): another replay runs there; kSpillFailed: the directory cannot be
// read, locked or changed.
[[nodiscard]] Result<ReplayReport> Replay(EventSink& sink, const ReplayOptions& options,
                                          const Clock& clock = *Clock::System());

}  // namespace jammi::events
