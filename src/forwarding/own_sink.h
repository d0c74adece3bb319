// What the configuration's section [events] asks for: the sink, and where dead letters go.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "jammi/clock.h"
#include "jammi/config.h"
#include "jammi/environment.h"
#include "jammi/event_forwarding.h"
#include "jammi/events/event.h"
#include "jammi/events/sink.h"
#include "jammi/result.h"

namespace jammi {

struct ForwardingSink {
  std::shared_ptr<events::EventSink> sink;
  std::function<ForwardingSinkStatus()> status = nullptr;  // null: it says nothing of itself
};

// JetStream, behind the redaction (CELLOS_REDACT_EVENT_FIELDS) and the signing (CELLOS_EVENT_SIGNING...) that
// the environment asks for. It connects in the background. Errors: with SinkDetail(kConfigError): the
// address, the subject, or a file that cannot be used, by its name; what CELLOS_STRICT_CONFIG does not let
// pass.
[[nodiscard]] Result<ForwardingSink> OpenForwardingSink(const EventsConfig& config,
                                                        const Environment& environment);

// For ForwardingOptions::dead_letter. Errors: the directory cannot be used.
using DeadLetters = std::function<Result<void>(const events::Event& event, const Error& why)>;
[[nodiscard]] Result<DeadLetters> OpenDeadLetters(const std::filesystem::path& directory,
                                                  const std::shared_ptr<Clock>& clock);

}  // namespace jammi
