// The program that the spool kill test kills: takes events into a spool in front of JetStream, from several
// threads, and writes to its standard output what it was told is taken.
//
//   spool_kill_child FOLDER ADDRESS RUN    emits for ever; events are "RUN-THREAD-NUMBER"
//   spool_kill_child FOLDER ADDRESS drain  delivers what is left, and ends
//
//   open      the spool is open
//   took ID   Emit() of that event has returned with success
//   damage X  opening found something that was changed
//   end
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/log.h"
#include "jammi/events/event.h"
#include "jammi/events/jetstream_sink.h"
#include "jammi/events/spool.h"

using namespace jammi;

namespace {

constexpr int kThreads = 3;

// One write per line: a line shorter than PIPE_BUF is written whole or not at all.
void Say(const std::string& text) {
  const std::string line = text + "\n";
  if (write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
}

void EmitForEver(events::SpoolSink& spool, const std::string& run, int thread) {
  for (int number = 0;; ++number) {
    const std::string id = fmt::format("{}-{}-{}", run, thread, number);
    const auto taken =
        spool.Emit({.id = id,
                    .source = "/spool/kill",
                    .type = "test.kill",
                    .payload = events::JsonData::FromWritten(fmt::format("{{\"n\":{}}}", number))});
    Say(taken ? "took " + id : "error " + taken.error().ToString());
  }
}

Result<void> Run(const std::string& folder, const std::string& address, const std::string& run) {
  JAMMI_ASSIGN(std::shared_ptr<events::EventSink> stream,
               events::JetStreamSink::Connect(Secret(address), "kills.events",
                                              {.start = events::SinkStart::kInBackground}));
  // Small segments, so that many begin and go while it is killed.
  JAMMI_ASSIGN(const auto spool,
               events::SpoolSink::Open(std::move(stream), {.directory = folder, .segment_bytes = 4096}));
  for (const auto& damage : spool->status().damage) Say("damage " + damage.error.message());
  Say("open");
  if (run == "drain") return spool->Close(Deadline::After(std::chrono::seconds(60)));
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back([&, i] { EmitForEver(*spool, run, i); });
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  SetLog(LogLevel::kOff, LogFormat::kText);  // the server is away now and then
  const auto result = Run(argv[1], argv[2], argv[3]);
  Say(result ? "end" : "error " + result.error().ToString());
  return result ? 0 : 1;
}
