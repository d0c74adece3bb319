#include "jammi/events/chain.h"

#include <fmt/format.h>

#include "base/log.h"
#include "events/sink_error.h"
#include "jammi/events/noop.h"

namespace jammi::events {
namespace {

// Builds one chain; the settings are used up.
class Builder {
 public:
  Builder(SinkSettings settings, const Connector& connect)
      : settings_(std::move(settings)), connect_(connect) {
    chain_.metrics = std::make_shared<Metrics>();
  }

  Result<SinkChain> Build() {
    JAMMI_ASSIGN(auto transport, Transport());
    JAMMI_ASSIGN(transport, Spooled(std::move(transport)));
    chain_.sink = Wrapped(DeadLettered(std::move(transport)));
    AddMirror();
    return Finish();
  }

  Result<SinkChain> BuildTransport() {
    JAMMI_ASSIGN(chain_.jetstream, connect_(settings_));
    chain_.sink = chain_.jetstream;
    return std::move(chain_);
  }

 private:
  void Warn(std::string variable, std::string message) {
    settings_.warnings.push_back({std::move(variable), std::move(message)});
  }

  std::shared_ptr<EventSink> Noop(PrimarySink primary) {
    chain_.primary = primary;
    settings_.spool.reset();  // it would hand to nobody what it keeps
    return std::make_shared<NoopSink>(chain_.metrics);
  }

  Result<std::shared_ptr<EventSink>> Transport() {
    if (settings_.use_noop) return Noop(PrimarySink::kNoop);
    if (settings_.require_jetstream) settings_.jetstream.start = SinkStart::kFail;
    auto made = connect_(settings_);
    if (made) {
      chain_.jetstream = std::move(*made);
      return std::shared_ptr<EventSink>(chain_.jetstream);
    }
    if (settings_.require_jetstream) {
      return std::move(made).error().While("JetStream is required (CELL_OS_REQUIRE_JETSTREAM)");
    }
    if (settings_.spool) return std::move(made).error();  // who wants a spool wants no event discarded
    Warn("NATS_URL", fmt::format("NATS_URL: no connection, and every event is DISCARDED until the next "
                                 "start: {}. CELL_OS_REQUIRE_JETSTREAM=1 makes such a start fail; "
                                 "EVSINK_SPOOL_DIR keeps the events",
                                 made.error().message()));
    return Noop(PrimarySink::kFallback);
  }

  Result<std::shared_ptr<EventSink>> Spooled(std::shared_ptr<EventSink> transport) {
    if (!settings_.spool) return transport;
    settings_.spool->metrics = chain_.metrics;
    JAMMI_ASSIGN(chain_.spool, SpoolSink::Open(std::move(transport), *settings_.spool));
    return std::shared_ptr<EventSink>(chain_.spool);
  }

  std::shared_ptr<EventSink> DeadLettered(std::shared_ptr<EventSink> transport) {
    if (!settings_.dead_letter) return transport;
    settings_.dead_letter->metrics = chain_.metrics;
    auto made = DeadLetterSink::Open(transport, *settings_.dead_letter);
    if (made) return std::shared_ptr<EventSink>(std::move(*made));
    Warn("CELLOS_DLQ_DIR",
         fmt::format("CELLOS_DLQ_DIR: there will be no dead letters: {}", made.error().message()));
    return transport;
  }

  std::shared_ptr<EventSink> Wrapped(std::shared_ptr<EventSink> inner) const {
    if (settings_.signing) inner = std::make_shared<SigningSink>(std::move(inner), *settings_.signing);
    if (!settings_.redact.empty()) {
      inner = std::make_shared<RedactingSink>(std::move(inner), settings_.redact);
    }
    return inner;
  }

  void AddMirror() {
    if (!settings_.mirror) return;
    settings_.mirror->metrics = chain_.metrics;
    auto mirror = Wrapped(std::make_shared<JsonLinesSink>(*settings_.mirror));
    chain_.sink = std::make_shared<MirroringSink>(std::move(chain_.sink), std::move(mirror), chain_.metrics);
  }

  Result<SinkChain> Finish() {
    std::string all;
    for (const SinkWarning& warning : settings_.warnings) {
      const bool fallback = warning.variable == "NATS_URL";
      Log(fallback ? LogLevel::kError : LogLevel::kWarning, "{}", warning.message);
      all += fmt::format("\n{}", warning.message);
    }
    if (settings_.strict && !all.empty()) {
      return SinkError(SinkFault::kConfigError,
                       "CELLOS_STRICT_CONFIG is on, and a start has no warnings then:" + all);
    }
    chain_.warnings = std::move(settings_.warnings);
    return std::move(chain_);
  }

  SinkSettings settings_;
  const Connector& connect_;
  SinkChain chain_;
};

}  // namespace

std::string_view ToString(PrimarySink primary) {
  switch (primary) {
    case PrimarySink::kJetStream:
      return "jetstream";
    case PrimarySink::kNoop:
      return "noop";
    case PrimarySink::kFallback:
      return "fallback";
  }
  return "unknown";
}

Result<std::unique_ptr<JetStreamSink>> ConnectJetStream(const SinkSettings& settings) {
  if (settings.ca_file.empty()) {
    return JetStreamSink::Connect(settings.url, settings.subject_template, settings.jetstream);
  }
  return JetStreamSink::ConnectWithRootCa(settings.url, settings.subject_template, settings.ca_file,
                                          settings.jetstream);
}

Result<SinkChain> BuildSinkChain(SinkSettings settings, const Connector& connect) {
  return Builder(std::move(settings), connect).Build();
}

Result<SinkChain> BuildTransport(SinkSettings settings, const Connector& connect) {
  return Builder(std::move(settings), connect).BuildTransport();
}

}  // namespace jammi::events
