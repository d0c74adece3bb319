// A sink for tests: keeps what it is given, and says what it is told to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "jammi/events/event.h"
#include "jammi/events/sink.h"

namespace jammi::events::test {

// Not thread-safe.
class RecordingSink final : public EventSink {
 public:
  Result<void> Emit(const Event& event) override {
    events.push_back(event);
    if (error) return *error;
    return {};
  }
  void EmitAsync(const Event& event, Done done) override {
    ++asynchronous;
    done(Emit(event));
  }
  Result<void> Flush(Deadline /*deadline*/) override {
    ++flushes;
    return {};
  }
  Result<void> Close(Deadline /*deadline*/) override {
    ++closes;
    return {};
  }

  std::vector<Event> events;
  std::optional<Error> error;
  int asynchronous = 0;
  int flushes = 0;
  int closes = 0;
};

}  // namespace jammi::events::test
