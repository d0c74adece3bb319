// A client of the load test, which kills it. Writes what it does to its file of records, "ready" to standard
// output when it is at work, and in the end "done" or "error ...".
//
//   load_child publish   TARGET FOLDER CHILD LIFE FIRST COUNT PAUSE_MILLISECONDS   until SIGTERM
//   load_child subscribe TARGET FOLDER CHILD LIFE FIRST COUNT                      until the last events
#include <csignal>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <latch>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "load/record.h"
#include "load/wire.h"

namespace jammi::test {
namespace {

std::atomic<bool> stopping = false;

[[noreturn]] void Fail(const Error& error) {
  std::printf("error %s\n", error.ToString().c_str());
  std::fflush(stdout);
  std::_Exit(1);
}
template <class T>
T Must(Result<T> result) {
  if (!result) Fail(result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}
void Say(const char* word) {
  std::puts(word);
  std::fflush(stdout);
}

struct Options {
  std::string target;
  std::filesystem::path folder;
  uint32_t child = 0;
  uint32_t life = 0;
  uint32_t first = 0;  // of the publishers or streams that this process is
  uint32_t count = 0;
  std::chrono::milliseconds pause{};
};

// A few calls share a connection, as in a client that has several threads.
class Connections {
 public:
  Connections(const std::string& target, uint32_t count) {
    for (uint32_t i = 0; i < 2 * ((count + 19) / 20); ++i) channels_.push_back(Must(OpenFor(target, i % 2)));
  }
  [[nodiscard]] const RpcChannel& Of(uint32_t number, uint32_t tenant) const {
    return channels_[2 * (number % (channels_.size() / 2)) + tenant];
  }

 private:
  std::vector<RpcChannel> channels_;
};

void PublishAll(const Options& options) {
  const Connections connections(options.target, options.count);
  RecordFile file(RecordPath(options.folder, "publish", options.child, options.life));
  std::vector<std::jthread> threads;
  for (uint32_t publisher = options.first; publisher < options.first + options.count; ++publisher) {
    threads.emplace_back([&, publisher] {
      EventId event{.view = publisher % kViews, .publisher = publisher, .life = options.life, .number = 0};
      const RpcChannel& channel = connections.Of(publisher, TenantOf(event.view));
      for (; !stopping; ++event.number) {
        file.Add({.kind = Record::Kind::kAsk, .stream = publisher, .offset = 0, .event = event});
        const uint64_t offset = Must(Publish(channel, event));
        file.Add({.kind = Record::Kind::kAcknowledge, .stream = publisher, .offset = offset, .event = event});
        std::this_thread::sleep_for(options.pause);
      }
    });
  }
  Say("ready");
}

// Where each stream goes on: behind what its earlier lives wrote down.
std::map<uint32_t, uint64_t> Positions(const Options& options) {
  std::map<uint32_t, uint64_t> next;
  for (uint32_t life = 0; life < options.life; ++life) {
    for (const Record& record : ReadRecords(RecordPath(options.folder, "subscribe", options.child, life)))
      if (record.kind == Record::Kind::kDelivery) next[record.stream] = record.offset + 1;
  }
  return next;
}

// One in ten reads only what comes, one in fifty all from the start again.
uint64_t BeginOf(uint32_t stream, const std::map<uint32_t, uint64_t>& positions) {
  if (stream % 10 == 0) return Record::kLive;
  if (stream % 50 == 1) return 0;
  const auto found = positions.find(stream);
  return found == positions.end() ? 0 : found->second;
}

void Follow(const RpcChannel& channel, uint32_t stream, uint64_t begin, RecordFile& file,
            std::latch& attached) {
  auto batches = Subscribe(channel, stream % kViews, begin, /*replay_only=*/false);
  batches.AwaitHeaders();
  file.Add({.kind = Record::Kind::kAttach, .stream = stream, .offset = begin, .event = {}});
  attached.count_down();
  for (;;) {
    const auto batch = Must(batches.Read());
    if (!batch) Fail(Error(ErrorCode::kInternal, "a stream has ended"));
    const EventId event = FindEvent(batch->batch().data_body());
    file.Add({.kind = Record::Kind::kDelivery, .stream = stream, .offset = batch->offset(), .event = event});
    if (event.publisher == kLastPublisher) return;
  }
}

void SubscribeAll(const Options& options) {
  const Connections connections(options.target, options.count);
  const auto positions = Positions(options);
  RecordFile file(RecordPath(options.folder, "subscribe", options.child, options.life));
  std::latch attached(options.count);
  std::vector<std::jthread> threads;
  for (uint32_t stream = options.first; stream < options.first + options.count; ++stream) {
    threads.emplace_back([&, stream] {
      Follow(connections.Of(stream, TenantOf(stream % kViews)), stream, BeginOf(stream, positions), file,
             attached);
    });
  }
  attached.wait();
  Say("ready");
}

}  // namespace
}  // namespace jammi::test

int main(int argc, char** argv) {
  using namespace jammi::test;
  if (argc != 8 && argc != 9) return 2;
  const auto number = [&](int index) {
    return static_cast<uint32_t>(std::strtoul(argv[index], nullptr, 10));
  };
  const Options options{.target = argv[2],
                        .folder = argv[3],
                        .child = number(4),
                        .life = number(5),
                        .first = number(6),
                        .count = number(7),
                        .pause = std::chrono::milliseconds(argc == 9 ? number(8) : 0)};
  (void)std::signal(SIGTERM, [](int) { stopping = true; });
  if (std::string(argv[1]) == "publish") {
    PublishAll(options);
  } else {
    SubscribeAll(options);
  }
  Say("done");
  return 0;
}
