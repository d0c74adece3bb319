// Sends one event through the chain of sinks that the environment configures, and says what became of it.
//
//   NATS_URL=nats://127.0.0.1:4222 CELLOS_DLQ_DIR=/tmp/dlq ./event_sink_example
//
// To see it without a server: CELL_OS_USE_NOOP_SINK=1 CELL_OS_JSONL_EVENTS=/dev/stdout ./event_sink_example
#include <jammi/environment.h>
#include <jammi/events/chain.h>
#include <jammi/events/event.h>

#include <chrono>
#include <cstdio>

namespace events = jammi::events;

namespace {

jammi::Result<void> Run() {
  JAMMI_ASSIGN(auto settings, events::ReadSinkSettings(jammi::ProcessEnvironment()));
  JAMMI_ASSIGN(const auto chain, events::BuildSinkChain(std::move(settings)));

  events::Event event;
  event.id = "b2f0c1d4-0000-4000-8000-000000000001";
  event.source = "/example";
  event.type = "com.example.greeting.v1";
  event.time = "2026-01-02T03:04:05Z";
  event.datacontenttype = "application/json";
  JAMMI_ASSIGN(event.payload, events::JsonData::Parse(R"({"tenantId":"acme","text":"hello"})"));

  JAMMI_TRY(chain.sink->Emit(event));  // a stream has it, or the disk, or it was discarded on purpose
  const auto deadline = jammi::Deadline::After(std::chrono::seconds(10));
  JAMMI_TRY(chain.sink->Close(deadline));
  std::printf("emitted %s to %s\n", event.id.c_str(), std::string(ToString(chain.primary)).c_str());
  return {};
}

}  // namespace

int main() {
  const auto result = Run();
  if (!result) std::fprintf(stderr, "%s\n", result.error().ToString().c_str());
  return result ? 0 : 1;
}
