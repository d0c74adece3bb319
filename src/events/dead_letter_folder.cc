#include "events/dead_letter_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "base/sync_point.h"
#include "events/dead_letter_file.h"
#include "events/sink_error.h"
#include "jammi/ids.h"

namespace jammi::events {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTemporaryPrefix = ".spill-";

// As rename(2), but fails with EEXIST where `to` is there.
int RenameToNew(const fs::path& from, const fs::path& to) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
  // Some file systems over a network do not know it.
  if (link(from.c_str(), to.c_str()) != 0) return -1;
  unlink(from.c_str());
  return 0;
}

}  // namespace

DeadLetterFolder::DeadLetterFolder(const DeadLetterOptions& options, std::shared_ptr<Clock> clock, Disk& disk)
    : options_(options), clock_(std::move(clock)), disk_(disk) {
  Sweep();
  const std::lock_guard lock(mutex_);
  CountAgainLocked();
}

// Who writes a file holds its lock, so what nobody has locked is nobody's.
void DeadLetterFolder::Sweep() {
  std::error_code failed;
  for (fs::directory_iterator at(options_.directory, failed), end; !failed && at != end;
       at.increment(failed)) {
    if (!at->path().filename().string().starts_with(kTemporaryPrefix)) continue;
    const auto file = OpenFile(at->path(), O_RDONLY);
    if (file && flock(file->fd(), LOCK_EX | LOCK_NB) == 0) unlink(at->path().c_str());
  }
}

void DeadLetterFolder::CountAgainLocked() {
  files_ = 0;
  bytes_ = 0;
  std::error_code failed;
  for (fs::directory_iterator at(options_.directory, failed), end; !failed && at != end;
       at.increment(failed)) {
    if (!DeadLetterTime(at->path().filename().string())) continue;
    std::error_code gone;
    const uint64_t size = at->file_size(gone);
    if (gone) continue;
    ++files_;
    bytes_ += size;
  }
  if (options_.metrics) options_.metrics->dead_letter_files.Set(static_cast<int64_t>(files_));
}

Result<void> DeadLetterFolder::Reserve(uint64_t bytes) {
  struct statvfs status {};
  if (statvfs(options_.directory.c_str(), &status) != 0) {
    return DiskError(errno, fmt::format("looking at {}", options_.directory.string()));
  }
  const uint64_t free = uint64_t{status.f_bavail} * status.f_frsize;
  if (free < options_.min_free_bytes + bytes) {
    return SinkError(SinkFault::kSpillFull,
                     fmt::format("only {} bytes are free for {}", free, options_.directory.string()));
  }
  const std::lock_guard lock(mutex_);
  const auto fits = [&] { return files_ < options_.max_files && bytes_ + bytes <= options_.max_bytes; };
  if (!fits()) CountAgainLocked();
  if (!fits()) {
    return SinkError(SinkFault::kSpillFull, fmt::format("{} holds {} dead letters of {} bytes",
                                                        options_.directory.string(), files_, bytes_));
  }
  ++files_;
  bytes_ += bytes;
  if (options_.metrics) options_.metrics->dead_letter_files.Set(static_cast<int64_t>(files_));
  return {};
}

void DeadLetterFolder::GiveBack(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  // Another thread may have counted again in between.
  files_ -= files_ > 0 ? 1 : 0;
  bytes_ -= std::min(bytes_, bytes);
  if (options_.metrics) options_.metrics->dead_letter_files.Set(static_cast<int64_t>(files_));
}

Result<std::string> DeadLetterFolder::Write(const Event& event, const Error& error) {
  JAMMI_ASSIGN(const std::string text, DeadLetterText(event, error.message()));
  JAMMI_TRY(Reserve(text.size()));
  auto name = WriteFile(text, event.id);
  if (!name) GiveBack(text.size());
  return name;
}

Result<DeadLetterFolder::Temporary> DeadLetterFolder::MakeTemporary() {
  while (true) {
    fs::path path = options_.directory / (std::string(kTemporaryPrefix) + Uuid::RandomV4().ToHex());
    JAMMI_ASSIGN(File file, OpenFile(path, O_WRONLY | O_CREAT | O_EXCL));
    // Some file systems over a network have no locks; nothing is swept there.
    const bool swept = flock(file.fd(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (!swept && access(path.c_str(), F_OK) == 0) return Temporary{std::move(path), std::move(file)};
  }
}

Result<std::string> DeadLetterFolder::WriteFile(const std::string& text, const std::string& id) {
  JAMMI_ASSIGN(const Temporary temporary, MakeTemporary());
  const auto& [path, file] = temporary;
  const auto write = [&]() -> Result<std::string> {
    JAMMI_TRY(WriteAll(disk_, file, text, path));
    JAMMI_TRY(SyncFile(disk_, file, path));
    JAMMI_SYNC_POINT("events.dead_letter.written");
    const int64_t unix_ms = clock_->Now() / 1000;
    for (uint32_t clash = 0;; ++clash) {
      std::string name = DeadLetterName(unix_ms, id, clash);
      if (RenameToNew(path, options_.directory / name) == 0) return name;
      if (errno != EEXIST) return DiskError(errno, fmt::format("naming {}", name));
    }
  };
  auto name = write();
  if (!name) {
    unlink(path.c_str());
    return name;
  }
  // Not on disk for sure: who has the event still is told so, and the file stands there once too often.
  if (auto synced = SyncDirectory(disk_, options_.directory); !synced) {
    unlink((options_.directory / *name).c_str());
    return std::move(synced).error();
  }
  return name;
}

}  // namespace jammi::events
