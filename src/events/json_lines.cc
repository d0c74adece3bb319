#include "jammi/events/json_lines.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/log.h"
#include "events/disk.h"
#include "events/findings.h"
#include "events/sink_error.h"
#include "jammi/events/event.h"

namespace jammi::events {
namespace {

bool IsFileOf(const File& file, const std::filesystem::path& path) {
  struct stat open {};
  struct stat named {};
  return fstat(file.fd(), &open) == 0 && stat(path.c_str(), &named) == 0 && open.st_dev == named.st_dev &&
         open.st_ino == named.st_ino;
}

// A file that does not end with a line end was cut short in the middle of a line.
bool EndsInLine(const File& file) {
  struct stat status {};
  if (fstat(file.fd(), &status) != 0 || status.st_size == 0) return false;
  char last = '\n';
  return pread(file.fd(), &last, 1, status.st_size - 1) == 1 && last != '\n';
}

// Whoever writes a line holds it, so that nobody takes a line that is being written for one that was cut
// short. Where the file system has no locks, an empty line may come between.
class LineLock {
 public:
  explicit LineLock(const File& file) : fd_(file.fd()) {
    while (flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~LineLock() { flock(fd_, LOCK_UN); }
  LineLock(const LineLock&) = delete;
  LineLock& operator=(const LineLock&) = delete;

 private:
  const int fd_;
};

}  // namespace

struct JsonLinesSink::State {
  explicit State(JsonLinesOptions given) : options(std::move(given)) {}

  Result<void> Open() {
    if (file && IsFileOf(file, options.path)) return {};
    // Not OpenFile(): the path is the operator's, who may have made it a link.
    file = File(open(options.path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    if (!file) return DiskError(errno, fmt::format("opening {}", options.path.string()));
    look_at_end = true;
    return {};
  }

  Result<void> Append(const std::string& line) {
    JAMMI_TRY(Open());
    const LineLock lock(file);
    const std::string bytes = look_at_end && EndsInLine(file) ? "\n" + line : line;
    const ssize_t written = disk->Write(file.fd(), bytes.data(), bytes.size());
    if (written == static_cast<ssize_t>(bytes.size())) {
      look_at_end = false;
      if (options.sync == JsonLinesSync::kEach) return SyncFile(*disk, file, options.path);
      return {};
    }
    // What a short write leaves out is not written afterwards: another program's line may have come between.
    const int error_number = written < 0 ? errno : ENOSPC;
    look_at_end = true;
    return DiskError(error_number, fmt::format("writing {}", options.path.string()));
  }

  const JsonLinesOptions options;
  Disk* disk = &Disk::System();
  std::mutex mutex;
  File file;
  bool look_at_end = false;  // its last line may have been cut short
  bool closed = false;
};

JsonLinesSink::JsonLinesSink(JsonLinesOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}
JsonLinesSink::~JsonLinesSink() = default;

Result<void> JsonLinesSink::Emit(const Event& event) {
  if (auto findings = Validate(event); !findings.empty()) return InvalidEvent(std::move(findings));
  std::string line = Serialise(event);
  if (line.size() > state_->options.max_event_bytes) {
    return SinkError(SinkFault::kEventTooLarge,
                     fmt::format("event {} has {} bytes; {} are the most for a line", event.id, line.size(),
                                 state_->options.max_event_bytes));
  }
  line += '\n';
  const std::lock_guard lock(state_->mutex);
  if (state_->closed) return SinkError(SinkFault::kClosed, "the sink is closed");
  return state_->Append(line);
}

Result<void> JsonLinesSink::Flush(Deadline /*deadline*/) {
  const std::lock_guard lock(state_->mutex);
  if (!state_->file) return {};
  return SyncFile(*state_->disk, state_->file, state_->options.path);
}

Result<void> JsonLinesSink::Close(Deadline deadline) {
  auto flushed = Flush(deadline);
  const std::lock_guard lock(state_->mutex);
  state_->closed = true;
  state_->file = File();
  return flushed;
}

// --- the mirror

struct MirroringSink::Watch {
  explicit Watch(std::shared_ptr<Metrics> given) : metrics(std::move(given)) {}

  void Heard(const Result<void>& result) {
    if (!result && metrics) metrics->mirror_errors.Add();
    // One line when it begins, one when it is over.
    if (failing.exchange(!result) == !result) return;
    if (result) {
      Log(LogLevel::kInfo, "events: the mirror takes events again");
    } else {
      Log(LogLevel::kWarning, "events: the mirror does not take events: {}", result.error().message());
    }
  }

  const std::shared_ptr<Metrics> metrics;
  std::atomic<bool> failing = false;
};

MirroringSink::MirroringSink(std::shared_ptr<EventSink> primary, std::shared_ptr<EventSink> mirror,
                             std::shared_ptr<Metrics> metrics)
    : primary_(std::move(primary)),
      mirror_(std::move(mirror)),
      watch_(std::make_shared<Watch>(std::move(metrics))) {}
MirroringSink::~MirroringSink() = default;

Result<void> MirroringSink::Emit(const Event& event) {
  auto result = primary_->Emit(event);
  watch_->Heard(mirror_->Emit(event));
  return result;
}

void MirroringSink::EmitAsync(const Event& event, Done done) {
  primary_->EmitAsync(event, std::move(done));
  mirror_->EmitAsync(event, [watch = watch_](const Result<void>& result) { watch->Heard(result); });
}

Result<void> MirroringSink::Flush(Deadline deadline) {
  auto flushed = primary_->Flush(deadline);
  watch_->Heard(mirror_->Flush(deadline));
  return flushed;
}

Result<void> MirroringSink::Close(Deadline deadline) {
  auto closed = primary_->Close(deadline);
  watch_->Heard(mirror_->Close(deadline));
  return closed;
}

}  // namespace jammi::events
