// Events as lines of a file; and a second sink that gets every event beside the first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "jammi/events/metrics.h"
#include "jammi/events/sink.h"
#include "jammi/result.h"

namespace jammi::events {

enum class JsonLinesSync : uint8_t {
  kNone,  // the kernel has it: a crash of the program loses nothing, one of the machine may
  kEach,  // the disk has it
};

struct JsonLinesOptions {
  std::filesystem::path path;
  JsonLinesSync sync = JsonLinesSync::kNone;
  size_t max_event_bytes = size_t{1} << 20;  // of one event, without the line end
  std::shared_ptr<Metrics> metrics = nullptr;
};

// Appends the written form of each event and a line end, in one write; lines of several threads and programs
// do not mix. The file is made (mode 0600) by the first event; when it was renamed or removed, the next event
// begins a new one. A line that was cut short (by an error, or a crash) is ended before the next begins.
// Thread-safe. Errors: kInvalidEvent, kEventTooLarge: nothing was written; kSinkFull ("sink full: ..."): the
// disk is full; kSpillFailed; kClosed. After the last three a part of the line may stand in the file.
class JsonLinesSink final : public EventSink {
 public:
  explicit JsonLinesSink(JsonLinesOptions options);
  ~JsonLinesSink() override;

  [[nodiscard]] Result<void> Emit(const Event& event) override;
  [[nodiscard]] Result<void> Flush(Deadline deadline) override;  // syncs the file
  [[nodiscard]] Result<void> Close(Deadline deadline) override;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

// Every event goes to both, to `primary` first; the result is the primary's alone. What goes wrong in the
// mirror is counted, and logged when it begins and when it is over. Thread-safe.
class MirroringSink final : public EventSink {
 public:
  MirroringSink(std::shared_ptr<EventSink> primary, std::shared_ptr<EventSink> mirror,
                std::shared_ptr<Metrics> metrics = nullptr);
  ~MirroringSink() override;

  [[nodiscard]] Result<void> Emit(const Event& event) override;
  void EmitAsync(const Event& event, Done done) override;
  [[nodiscard]] Result<void> Flush(Deadline deadline) override;  // both; the primary's result
  [[nodiscard]] Result<void> Close(Deadline deadline) override;  // both; the primary's result

 private:
  // Shared with what the mirror still has to answer.
  struct Watch;

  const std::shared_ptr<EventSink> primary_;
  const std::shared_ptr<EventSink> mirror_;
  const std::shared_ptr<Watch> watch_;
};

}  // namespace jammi::events
