// What the JetStream sink costs: Emit() and EmitAsync() beside the client library's own publishes of the same
// bytes and headers, on the same server in the same run; and how soon an open circuit answers.
#include <nats/nats.h>

#include <atomic>
#include <memory>

#include "bench/measure.h"
#include "jammi/events/content_mode.h"
#include "jammi/events/event.h"
#include "jammi/events/jetstream_sink.h"
#include "jammi/ids.h"
#include "support/nats_server.h"

namespace jammi::bench {
namespace {

using events::Event;

constexpr int kRounds = 7;
constexpr int kWaiting = 300;       // events of a round that waits for each
constexpr int kStreaming = 20'000;  // of one that does not

void Check(natsStatus status) {
  if (status != NATS_OK) throw std::runtime_error(natsStatus_GetText(status));
}

Event MakeEvent(size_t payload) {
  Event event{
      .id = Uuid::RandomV4().ToString(), .source = "cellos-supervisor", .type = "dev.cellos.events.bench"};
  event.payload = events::JsonData::FromWritten("{\"filler\":\"" + std::string(payload, 'x') + "\"}");
  return event;
}

std::vector<Event> MakeEvents(int count, size_t payload) {
  std::vector<Event> made;
  for (int i = 0; i < count; ++i) made.push_back(MakeEvent(payload));
  return made;
}

// The library alone.
class Raw {
 public:
  explicit Raw(const test::NatsServer& server) {
    Check(natsConnection_ConnectTo(&connection_, server.Url().c_str()));
    Check(natsConnection_JetStream(&js_, connection_, nullptr));
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    const char* subjects[] = {"bench.>"};
    config.Name = "bench";
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    Check(js_AddStream(nullptr, js_, &config, nullptr, nullptr));
  }
  ~Raw() {
    js_DeleteStream(js_, "bench", nullptr, nullptr);
    jsCtx_Destroy(js_);
    natsConnection_Destroy(connection_);
  }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;

  // The bytes are ready when the clock starts: what is compared is the publish.
  struct Ready {
    std::string payload;
    std::string id;
  };
  static std::vector<Ready> MakeReady(const std::vector<Event>& events) {
    std::vector<Ready> ready;
    for (const auto& event : events) ready.push_back({Serialise(event), MessageId(event)});
    return ready;
  }
  double Waiting(const std::vector<Ready>& ready) {
    const double begin = WallSeconds();
    for (const auto& each : ready) {
      natsMsg* message = MakeMessage(each);
      Check(js_PublishMsg(nullptr, js_, message, nullptr, nullptr));
      natsMsg_Destroy(message);
    }
    return static_cast<double>(ready.size()) / (WallSeconds() - begin);
  }
  double Streaming(const std::vector<Ready>& ready) {
    const double begin = WallSeconds();
    for (const auto& each : ready) {
      natsMsg* message = MakeMessage(each);
      Check(js_PublishMsgAsync(js_, &message, nullptr));
    }
    Check(js_PublishAsyncComplete(js_, nullptr));
    return static_cast<double>(ready.size()) / (WallSeconds() - begin);
  }

 private:
  static natsMsg* MakeMessage(const Ready& ready) {
    natsMsg* message = nullptr;
    Check(natsMsg_Create(&message, "bench.single", nullptr, ready.payload.data(),
                         static_cast<int>(ready.payload.size())));
    Check(natsMsgHeader_Set(message, "Content-Type", "application/cloudevents+json"));
    Check(natsMsgHeader_Set(message, "Nats-Msg-Id", ready.id.c_str()));
    return message;
  }
  natsConnection* connection_ = nullptr;
  jsCtx* js_ = nullptr;
};

double EmitRate(events::JetStreamSink& sink, const std::vector<Event>& events) {
  const double begin = WallSeconds();
  for (const auto& event : events) Must(sink.Emit(event));
  return static_cast<double>(events.size()) / (WallSeconds() - begin);
}

double EmitAsyncRate(events::JetStreamSink& sink, const std::vector<Event>& events) {
  std::atomic<size_t> taken = 0;
  const double begin = WallSeconds();
  for (const auto& event : events)
    sink.EmitAsync(event, [&](const Result<void>& result) { taken += result ? 1 : 0; });
  Must(sink.Flush(Deadline::Never()));
  const double rate = static_cast<double>(events.size()) / (WallSeconds() - begin);
  if (taken != events.size()) throw std::runtime_error("events were not taken");
  return rate;
}

// The library's own publishes have no bound: `window` is the sink's alone.
void BenchPublish(const test::NatsServer& server, size_t window) {
  Raw raw(server);
  events::JetStreamSinkOptions options;
  options.max_in_flight = window;
  const auto sink = Must(events::JetStreamSink::Connect(Secret(server.Url()), "bench.{tenantId}", options));
  fmt::print("\nevents in a second, window {:>5}       sink   library alone   ratio (low-high)\n", window);
  for (const size_t payload : {100, 1000}) {
    for (const bool waiting : {true, false}) {
      std::vector<double> rates;
      std::vector<double> limits;
      std::vector<double> ratios;
      for (int round = 0; round < kRounds; ++round) {
        const int count = waiting ? kWaiting : kStreaming;
        const auto ours = MakeEvents(count, payload);
        const auto theirs = Raw::MakeReady(MakeEvents(count, payload));
        rates.push_back(waiting ? EmitRate(*sink, ours) : EmitAsyncRate(*sink, ours));
        limits.push_back(waiting ? raw.Waiting(theirs) : raw.Streaming(theirs));
        ratios.push_back(rates.back() / limits.back());
      }
      fmt::print("  {:>4} bytes of data, {:<11}  {:>10.0f}  {:>14.0f}   {}\n", payload,
                 waiting ? "Emit" : "EmitAsync", SpreadOf(rates).median, SpreadOf(limits).median,
                 RatioText(ratios));
    }
  }
}

// A publisher that is never asked.
class Nobody final : public events::Publisher {
 public:
  Result<events::PubAck> Publish(const events::OutgoingEvent& /*event*/, Deadline /*deadline*/) override {
    return Error(ErrorCode::kUnavailable, "nobody", SinkDetail{.fault = SinkFault::kUnavailable});
  }
};

void BenchOpenCircuit() {
  events::JetStreamSinkOptions options;
  options.publish_attempts = 1;
  options.backoff_base = options.backoff_cap = std::chrono::hours(1);
  const auto sink =
      Must(events::JetStreamSink::FromPublisher(std::make_shared<Nobody>(), "bench.{tenantId}", options));
  fmt::print("\nEmit() while the circuit is open          median     p99  (microseconds)\n");
  for (const size_t payload : {100, 1000}) {
    const Event event = MakeEvent(payload);
    IgnoreError(sink->Emit(event), "it opens the circuit");
    std::vector<double> took;
    for (int i = 0; i < 20'000; ++i) {
      const double begin = WallSeconds();
      IgnoreError(sink->Emit(event), "the circuit is open");
      took.push_back((WallSeconds() - begin) * 1e6);
    }
    std::ranges::sort(took);
    fmt::print("  {:>4} bytes of data                     {:>8.2f} {:>7.2f}\n", payload,
               took[took.size() / 2], took[took.size() * 99 / 100]);
  }
}

}  // namespace
}  // namespace jammi::bench

//   event_sink_bench [publish | open]
int main(int argc, char** argv) {
  using namespace jammi;
  const std::string_view only = argc > 1 ? argv[1] : "";
  if (only.empty() || only == "open") bench::BenchOpenCircuit();
  if (only.empty() || only == "publish") {
    const test::NatsServer server({.storage = test::ServerHome::Storage::kDisk});
    for (const size_t window : {256, 4096}) bench::BenchPublish(server, window);
  }
}
