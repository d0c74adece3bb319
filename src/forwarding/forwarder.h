// Forwards topics and the changes of the catalog to a sink of events. The door of this folder.
//
// Each topic is read by a consumer "jammi.events" in the scope of its owner. How far it has come is written
// to the catalog only when the sink has acknowledged all before it; so every row is emitted at least once,
// with the same id each time, whatever is killed and however long the sink is away. Of all engines on a
// catalog one forwards: the holder of the lease of the consumer of jammi.catalog.changes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "jammi/clock.h"
#include "jammi/error.h"
#include "jammi/event_forwarding.h"
#include "jammi/events/event.h"
#include "jammi/events/sink.h"
#include "jammi/result.h"

namespace jammi {

struct ForwardingOptions {
  bool lifecycle = true;
  std::vector<std::string> topics;  // names; '*' at the end stands for any ending
  std::string source = "/jammi";
  size_t window = 1;        // events without an outcome, of all topics together
  bool close_sink = false;  // Shutdown() closes it; else it is flushed
  // Keeps an event that can never be sent. Null: it is left out. Errors: it could not be kept, and is tried
  // again.
  std::function<Result<void>(const events::Event& event, const Error& why)> dead_letter = nullptr;
  std::function<ForwardingSinkStatus()> sink_status = nullptr;  // thread-safe; null: nothing is known of it
  // The sink was asked `attempt` times in vain: how long to wait.
  std::function<std::chrono::milliseconds(uint32_t attempt)> pause = nullptr;  // null: BackoffDelay()
  // How often the log is looked at for new events and topics. A look costs a pass over the topics' heads; it
  // is made less often where it takes long.
  std::chrono::milliseconds look_every{200};
  std::chrono::milliseconds acknowledge_every{100};  // written together
  std::chrono::milliseconds lease{30'000};
  // How long Shutdown() waits for the outcomes of what is under way.
  std::chrono::milliseconds close_wait{2'000};
  std::shared_ptr<Clock> clock = Clock::System();  // of what the status says, and of gaps
};

// Thread-safe. One thread of its own.
class Forwarder {
 public:
  virtual ~Forwarder() = default;

  // The catalog must outlive Shutdown().
  [[nodiscard]] static std::unique_ptr<Forwarder> Start(Catalog& catalog,
                                                        std::shared_ptr<events::EventSink> sink,
                                                        ForwardingOptions options);

  // Sends nothing more, waits for outcomes, writes how far it has come, and gives its leases back.
  // Idempotent.
  virtual void Shutdown() = 0;

  [[nodiscard]] virtual EventForwardingStatus status() const = 0;
};

}  // namespace jammi
