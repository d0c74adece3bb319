// The sink that delivers nothing.
#pragma once

#include <atomic>
#include <memory>

#include "jammi/events/metrics.h"
#include "jammi/events/sink.h"

namespace jammi::events {

// Checks every event, counts it and forgets it. Thread-safe. Errors: kInvalidEvent; kClosed.
class NoopSink final : public EventSink {
 public:
  explicit NoopSink(std::shared_ptr<Metrics> metrics = nullptr);

  [[nodiscard]] Result<void> Emit(const Event& event) override;
  [[nodiscard]] Result<void> Flush(Deadline deadline) override;
  [[nodiscard]] Result<void> Close(Deadline deadline) override;

 private:
  const std::shared_ptr<Metrics> metrics_;
  std::atomic<bool> closed_ = false;
};

}  // namespace jammi::events
