// What benchmarks share: clocks, medians with their spread, processors that do not fall asleep.
#pragma once

#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "jammi/result.h"

namespace jammi::bench {

template <class T>
T Must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().ToString());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

inline double WallSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

inline double SecondsOf(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}
// Of processor time: what else the machine does is not in it.
inline double ThreadSeconds() { return SecondsOf(CLOCK_THREAD_CPUTIME_ID); }
inline double ProcessSeconds() { return SecondsOf(CLOCK_PROCESS_CPUTIME_ID); }

struct Spread {
  double low = 0;
  double median = 0;
  double high = 0;
};
inline Spread SpreadOf(std::vector<double> values) {
  std::ranges::sort(values);
  return {values.front(), values[values.size() / 2], values.back()};
}
// "0.83 (0.79-0.91)"
inline std::string RatioText(std::vector<double> ratios) {
  const Spread spread = SpreadOf(std::move(ratios));
  return fmt::format("{:.2f} ({:.2f}-{:.2f})", spread.median, spread.low, spread.high);
}
// "17441 (16990-18100)"
inline std::string RateText(std::vector<double> rates) {
  const Spread spread = SpreadOf(std::move(rates));
  return fmt::format("{:.0f} ({:.0f}-{:.0f})", spread.median, spread.low, spread.high);
}
// Round by round.
inline std::vector<double> Ratios(const std::vector<double>& over, const std::vector<double>& under) {
  std::vector<double> ratios;
  for (size_t i = 0; i < over.size(); ++i) ratios.push_back(over[i] / under[i]);
  return ratios;
}

// A folder that goes with the program's normal end.
class TempFolder {
 public:
  explicit TempFolder(const std::string& name) {
    std::string path = (std::filesystem::temp_directory_path() / (name + "_XXXXXX")).string();
    if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = path;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Keeps the processors from falling asleep, at a priority below everything else, in a process of its own,
// whose time is not ours. On virtual machines a sleeping processor sees the end of a sync only at its next
// timer tick, up to 4 ms late; then whoever sleeps the most would be measured by that. To be made before
// the program has threads.
class Awake {
 public:
  Awake() : child_(fork()) {
    if (child_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const sched_param none{};
    sched_setscheduler(0, SCHED_IDLE, &none);
    const auto spin = [] {
      volatile bool forever = true;
      while (forever) {
      }
    };
    for (unsigned i = 1; i < std::max(1U, std::thread::hardware_concurrency()); ++i) {
      std::thread(spin).detach();
    }
    spin();
  }
  ~Awake() {
    if (child_ <= 0) return;
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  Awake(const Awake&) = delete;
  Awake& operator=(const Awake&) = delete;

 private:
  pid_t child_;
};

}  // namespace jammi::bench
