#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "base/callback.h"
#include "base/log.h"
#include "base/sync_point.h"
#include "events/dead_letter_file.h"
#include "events/disk.h"
#include "events/sink_error.h"
#include "jammi/events/dead_letter.h"
#include "jammi/events/event.h"
#include "jammi/events/fault.h"
#include "jammi/events/retry.h"
#include "jammi/events/sink.h"

namespace jammi::events {
namespace {

namespace fs = std::filesystem;

// No letter is nearly as large: an event has 1 MiB at most unless its sink was told otherwise.
constexpr uint64_t kMaxLetterBytes = uint64_t{64} << 20;

class Replayer {
 public:
  Replayer(EventSink& sink, const ReplayOptions& options)
      : sink_(sink),
        options_(options),
        pauses_(options.pauses ? options.pauses : PauseClock::System()),
        quarantine_(options.directory / "quarantine") {}

  Result<ReplayReport> Run(UnixMicros now) {
    JAMMI_ASSIGN(const File lock,
                 LockFile(options_.directory / ".replay.lock",
                          fmt::format("the dead-letter folder {}", options_.directory.string())));
    JAMMI_ASSIGN(const auto names, List(now));
    ReplayReport report{.done = {.files = names.size()}};
    for (const std::string& name : names) {
      if (options_.max_events != 0 && report.done.sent >= options_.max_events) break;
      Pace(report.done.sent);
      if (options_.stop.stop_requested()) break;
      JAMMI_ASSIGN(report.stopped, One(name, &report.done));
      if (report.stopped) break;
      if (options_.progress) CallBack("the progress of a replay", options_.progress, report.done);
    }
    report.left = report.done.files - report.done.sent - report.done.quarantined;
    return report;
  }

 private:
  Result<std::vector<std::string>> List(UnixMicros now) const {
    const int64_t before = now / 1000 - options_.older_than.count();
    std::vector<std::string> names;
    std::error_code failed;
    for (fs::directory_iterator at(options_.directory, failed), end; !failed && at != end;
         at.increment(failed)) {
      std::string name = at->path().filename().string();
      const auto time = DeadLetterTime(name);
      if (time && *time <= before) names.push_back(std::move(name));
    }
    if (failed) return DiskError(failed.value(), fmt::format("listing {}", options_.directory.string()));
    std::ranges::sort(names);
    return names;
  }

  // Waits until another event may go.
  void Pace(uint64_t sent) {
    if (options_.events_per_second <= 0 || options_.dry_run) return;
    if (sent == 0) begun_ = pauses_->Now();
    const std::chrono::duration<double> due(static_cast<double>(sent) / options_.events_per_second);
    const auto at = begun_ + std::chrono::duration_cast<PauseClock::TimePoint::duration>(due);
    const auto now = pauses_->Now();
    if (at > now) pauses_->Sleep(at - now, options_.stop);
  }

  // The error of the sink below if the event may pass later: then it is not done.
  Result<std::optional<Error>> One(const std::string& name, ReplayProgress* progress) {
    const fs::path path = options_.directory / name;
    JAMMI_ASSIGN(const auto event, Read(path));
    if (!event) {
      ++progress->quarantined;
      JAMMI_TRY(PutAside(name, event.error()));
      return std::optional<Error>();
    }
    if (!options_.dry_run) {
      const auto result = sink_.Emit(*event);
      if (!result && ClassOf(FaultOf(result.error())) != FaultClass::kEvent) {
        return std::optional<Error>(result.error());
      }
      if (!result) {
        ++progress->quarantined;
        JAMMI_TRY(PutAside(name, result.error()));
        return std::optional<Error>();
      }
      JAMMI_SYNC_POINT("events.replay.sent");
      if (unlink(path.c_str()) != 0) return DiskError(errno, fmt::format("removing {}", path.string()));
      if (options_.metrics) options_.metrics->replayed.Add();
    }
    ++progress->sent;
    return std::optional<Error>();
  }

  // Outer error: the file cannot be read. Inner one: what is in it is no letter.
  static Result<Result<Event>> Read(const fs::path& path) {
    JAMMI_ASSIGN(const File file, OpenFile(path, O_RDONLY | O_NONBLOCK));
    JAMMI_ASSIGN(const uint64_t size, SizeOf(file, path));
    if (size > kMaxLetterBytes) {
      return Result<Event>(
          SinkError(SinkFault::kInvalidEvent, fmt::format("not a dead letter: {} bytes", size)));
    }
    JAMMI_ASSIGN(const std::string text, ReadAt(file, 0, size, path));
    return ParseDeadLetter(text);
  }

  Result<void> PutAside(const std::string& name, const Error& error) {
    if (options_.dry_run) return {};
    Log(LogLevel::kWarning, "events: dead letter {} goes to quarantine: {}", name, error.message());
    if (mkdir(quarantine_.c_str(), 0700) != 0 && errno != EEXIST) {
      return DiskError(errno, fmt::format("making {}", quarantine_.string()));
    }
    // Names differ in the folder; one that is in quarantine already is an older failure of the same letter.
    if (rename((options_.directory / name).c_str(), (quarantine_ / name).c_str()) != 0) {
      return DiskError(errno, fmt::format("moving {} to {}", name, quarantine_.string()));
    }
    if (options_.metrics) options_.metrics->quarantined.Add();
    return {};
  }

  EventSink& sink_;
  const ReplayOptions& options_;
  const std::shared_ptr<PauseClock> pauses_;
  const fs::path quarantine_;
  PauseClock::TimePoint begun_{};
};

}  // namespace

Result<ReplayReport> Replay(EventSink& sink, const ReplayOptions& options, const Clock& clock) {
  return Replayer(sink, options).Run(clock.Now());
}

}  // namespace jammi::events
