#include "forwarding/own_sink.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "jammi/events/chain.h"
#include "jammi/events/dead_letter.h"
#include "jammi/events/jetstream_sink.h"

namespace jammi {
namespace {

// Fails as it is told, so that the sink of dead letters around it keeps what it is given.
class RefusingSink final : public events::EventSink {
 public:
  void Refuse(const Error& why) {
    why_ = Error(why.code(), why.message(), SinkDetail{.fault = SinkFault::kRejected});
  }
  Result<void> Emit(const events::Event& /*event*/) override { return why_; }
  Result<void> Flush(Deadline /*deadline*/) override { return {}; }
  Result<void> Close(Deadline /*deadline*/) override { return {}; }

 private:
  Error why_{ErrorCode::kInternal, "nothing was refused"};
};

// The variables that say what happens to an event before it is sent. Where it goes the configuration says.
Environment OfWrappers(const Environment& environment) {
  Environment chosen;
  for (const auto& [name, value] : environment) {
    const std::string_view variable = name;
    if (variable.starts_with("CELLOS_EVENT_SIGNING") || variable == "CELLOS_REDACT_EVENT_FIELDS" ||
        variable == "CELLOS_STRICT_CONFIG") {
      chosen.emplace(name, value);
    }
  }
  return chosen;
}

ForwardingSinkStatus StatusOf(const events::JetStreamSink& sink) {
  const auto& counters = sink.counters();
  ForwardingSinkStatus status{.circuit_open = counters.circuit_open.value() != 0,
                              .circuit_opened = counters.opened.value(),
                              .in_flight = static_cast<uint64_t>(counters.in_flight.value()),
                              .emitted = counters.emitted.value(),
                              .acknowledged = counters.acked.value(),
                              .duplicates = counters.duplicate.value(),
                              .acknowledge_us = counters.ack_latency_us.sum()};
  std::ranges::transform(counters.failed, status.failed.begin(), &events::Counter::value);
  return status;
}

}  // namespace

// No dead letters and no spool: the log in the catalog is the one that keeps what the server does not take,
// and an event counts as forwarded only when the stream has it.
Result<ForwardingSink> OpenForwardingSink(const EventsConfig& config, const Environment& environment) {
  JAMMI_ASSIGN(auto settings, events::ReadSinkSettings(OfWrappers(environment)));
  settings.url = *config.url;
  settings.ca_file = config.tls_authority_path.value_or("");
  settings.subject_template = config.subject;
  settings.jetstream.max_in_flight = config.window;
  settings.jetstream.start = events::SinkStart::kInBackground;
  settings.jetstream.credentials_path = config.credentials_path.value_or("");
  settings.jetstream.certificate_path = config.tls_certificate_path.value_or("");
  settings.jetstream.key_path = config.tls_key_path.value_or("");
  // Outside of the chain, which would go on without it.
  auto transport = events::ConnectJetStream(settings);
  if (!transport) return std::move(transport).error().While("[events]");
  auto chain = events::BuildSinkChain(std::move(settings), [&](const auto&) { return std::move(transport); });
  if (!chain) return std::move(chain).error().While("[events]");
  return ForwardingSink{std::move(chain->sink),
                        [jetstream = std::move(chain->jetstream)] { return StatusOf(*jetstream); }};
}

Result<DeadLetters> OpenDeadLetters(const std::filesystem::path& directory,
                                    const std::shared_ptr<Clock>& clock) {
  const auto refusing = std::make_shared<RefusingSink>();
  auto opened =
      events::DeadLetterSink::Open(refusing, {.directory = directory, .spill_invalid = true}, clock);
  if (!opened) return std::move(opened).error().While("events.dead_letter_path");
  const std::shared_ptr<events::DeadLetterSink> letters = *std::move(opened);
  return DeadLetters([refusing, letters](const events::Event& event, const Error& why) {
    refusing->Refuse(why);
    return letters->Emit(event);
  });
}

}  // namespace jammi
