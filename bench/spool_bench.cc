// What a spool costs beside what it is made of: events of 1 KiB are appended by one thread and by sixteen,
// and the same bytes are written to a file and synced as often, in the same run.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "bench/measure.h"
#include "jammi/events/event.h"
#include "jammi/events/spool.h"

namespace jammi::bench {
namespace {

constexpr int kRounds = 7;
constexpr double kSeconds = 0.7;
constexpr std::chrono::milliseconds kInterval{100};

events::Event EventOf1KiB() {
  events::Event event{
      .id = "9b2f6c1e-0000-4000-8000-000000000001", .source = "/bench", .type = "bench.event"};
  const size_t empty = Serialise(event).size();
  event.payload = events::JsonData::FromWritten("{\"p\":\"" + std::string(1024 - empty - 4, 'x') + "\"}");
  return event;
}

// Holds everything that it is given, so that nothing but appending happens.
class Nowhere final : public events::EventSink {
 public:
  Result<void> Emit(const events::Event& /*event*/) override { return {}; }
  void EmitAsync(const events::Event& /*event*/, Done done) override { held_.push_back(std::move(done)); }
  Result<void> Flush(Deadline /*deadline*/) override { return {}; }
  Result<void> Close(Deadline /*deadline*/) override { return {}; }

 private:
  std::vector<Done> held_;
};

// Events in a second: `emit` by so many threads.
template <class Emit>
double Rate(int threads, Emit emit) {
  std::atomic<bool> stop = false;
  std::atomic<int64_t> done = 0;
  std::vector<std::jthread> running;
  const double begin = WallSeconds();
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&] {
      int64_t mine = 0;
      for (; !stop.load(std::memory_order_relaxed); ++mine) emit();
      done += mine;
    });
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(kSeconds));
  stop = true;
  running.clear();
  return static_cast<double>(done) / (WallSeconds() - begin);
}

double Spool(events::SpoolSync sync, int threads) {
  const TempFolder folder("spool-bench");
  auto spool =
      Must(events::SpoolSink::Open(std::make_shared<Nowhere>(), {.directory = folder.path() / "spool",
                                                                 .sync = sync,
                                                                 .sync_interval = kInterval,
                                                                 .max_bytes = uint64_t{16} << 30}));
  const events::Event event = EventOf1KiB();
  return Rate(threads, [&] { Must(spool->Emit(event)); });
}

class RawFile {
 public:
  RawFile() : fd_(open((folder_.path() / "raw").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600)) {}
  ~RawFile() { close(fd_); }
  void Write(const std::string& bytes) const {
    if (write(fd_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) std::abort();
  }
  void Sync() const {
    if (fdatasync(fd_) != 0) std::abort();
  }

 private:
  const TempFolder folder_{"spool-bench"};
  const int fd_;
};

// One thread writes as many events at once as the others would have brought, and syncs them.
double RawEach(int events) {
  const RawFile file;
  const std::string bytes(static_cast<size_t>(events) * (1024 + 20), 'x');
  return events * Rate(1, [&] {
           file.Write(bytes);
           file.Sync();
         });
}

// Every thread writes its events, and one more syncs every interval.
double RawInterval(int threads) {
  const RawFile file;
  const std::string bytes(1024 + 20, 'x');
  std::jthread syncer([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::this_thread::sleep_for(kInterval);
      file.Sync();
    }
  });
  return Rate(threads, [&] { file.Write(bytes); });
}

void Compare(const std::string& what, int threads, events::SpoolSync sync, double (*raw)(int)) {
  std::vector<double> spools;
  std::vector<double> raws;
  std::vector<double> ratios;
  for (int round = 0; round < kRounds; ++round) {
    raws.push_back(raw(threads));
    spools.push_back(Spool(sync, threads));
    ratios.push_back(spools.back() / raws.back());
  }
  fmt::print("{:<10} {:>2} threads  spool {:>9.0f}/s  raw {:>9.0f}/s  ratio {}\n", what, threads,
             SpreadOf(spools).median, SpreadOf(raws).median, RatioText(ratios));
  std::fflush(stdout);
}

}  // namespace
}  // namespace jammi::bench

int main() {
  using namespace jammi;
  SetLog(LogLevel::kOff, LogFormat::kText);
  fmt::print("events of 1 KiB; medians of {} rounds\n", bench::kRounds);
  for (const int threads : {1, 16}) {
    bench::Compare("each", threads, events::SpoolSync::kEach, bench::RawEach);
    bench::Compare("interval", threads, events::SpoolSync::kInterval, bench::RawInterval);
  }
}
