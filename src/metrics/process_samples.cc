#include "metrics/process_samples.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

namespace jammi {
namespace {

constexpr Metric kCpu{"process_cpu_seconds_total", "User and system CPU time.", MetricKind::kCounter};
constexpr Metric kResident{"process_resident_memory_bytes", "Resident memory."};
constexpr Metric kVirtual{"process_virtual_memory_bytes", "Virtual memory."};
constexpr Metric kThreads{"process_threads", "Threads."};
constexpr Metric kStart{"process_start_time_seconds", "When the process started, since 1970."};
constexpr Metric kOpenFds{"process_open_fds", "Open file descriptors."};
constexpr Metric kMaxFds{"process_max_fds", "File descriptors that the process may open."};

// Fields of /proc/self/stat, see proc(5).
struct Stat {
  uint64_t user_ticks = 0;
  uint64_t system_ticks = 0;
  uint64_t threads = 0;
  uint64_t start_ticks = 0;  // since the machine started
  uint64_t virtual_bytes = 0;
  uint64_t resident_pages = 0;
};

std::optional<Stat> ReadStat() {
  std::ifstream file("/proc/self/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  // The second field is the program's name in brackets, and may hold anything.
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream rest(text.substr(name_end + 1));
  std::string skipped;
  const auto skip = [&](int fields) {
    while (fields-- > 0) rest >> skipped;
  };
  Stat stat;
  skip(11);  // the 3rd to the 13th field
  rest >> stat.user_ticks >> stat.system_ticks;
  skip(4);
  rest >> stat.threads;
  skip(1);
  rest >> stat.start_ticks >> stat.virtual_bytes >> stat.resident_pages;
  if (!rest) return std::nullopt;
  return stat;
}

// When the machine started, in seconds since 1970.
std::optional<double> BootTime() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::strtod(line.c_str() + 6, nullptr);
  }
  return std::nullopt;
}

std::optional<int64_t> CountOpenFds() {
  std::error_code error;
  std::filesystem::directory_iterator entries("/proc/self/fd", error);
  int64_t count = -1;  // not the one that reads the directory
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) ++count;
  if (error) return std::nullopt;
  return count;
}

}  // namespace

void PutProcessSamples(Samples& samples) {
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  if (const auto stat = ReadStat()) {
    samples.Put(kCpu, static_cast<double>(stat->user_ticks + stat->system_ticks) / ticks);
    samples.Put(kResident, static_cast<double>(stat->resident_pages) * static_cast<double>(getpagesize()));
    samples.Put(kVirtual, static_cast<double>(stat->virtual_bytes));
    samples.Put(kThreads, static_cast<double>(stat->threads));
    if (const auto boot = BootTime()) {
      samples.Put(kStart, *boot + static_cast<double>(stat->start_ticks) / ticks);
    }
  }
  if (const auto open = CountOpenFds()) samples.Put(kOpenFds, static_cast<double>(*open));
  if (rlimit limit{}; getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    samples.Put(kMaxFds, static_cast<double>(limit.rlim_cur));
  }
}

}  // namespace jammi
