// A spool in a folder of a test's own, on a disk that fails when it is told to.
#pragma once

#include <gmock/gmock.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/sync_point.h"
#include "events/disk.h"
#include "events/scripted_sink.h"
#include "events/spool_format.h"
#include "events/spool_open.h"
#include "jammi/events/spool.h"
#include "support/temp_dir.h"

namespace jammi::events::test {

// Thread-safe.
class FaultyDisk final : public Disk {
 public:
  ssize_t Write(int fd, const void* bytes, size_t count) override {
    if (const size_t room = write_at_most.exchange(SIZE_MAX); room < count) {
      if (room > 0) return Disk::Write(fd, bytes, room);
    }
    if (const int error = write_error.exchange(0); error != 0) {
      errno = error;
      return -1;
    }
    return Disk::Write(fd, bytes, count);
  }
  int Sync(int /*fd*/) override {
    ++syncs;
    if (const int error = sync_error.exchange(0); error != 0) {
      errno = error;
      return -1;
    }
    return 0;  // nothing here is about power failures
  }

  std::atomic<size_t> write_at_most = SIZE_MAX;  // the next write is so short, once
  std::atomic<int> write_error = 0;              // of the next whole write, once
  std::atomic<int> sync_error = 0;               // of the next sync, once
  std::atomic<int> syncs = 0;
};

class SpoolFixture : public testing::Test {
 protected:
  SpoolFixture() { SetLog(LogLevel::kOff, LogFormat::kText); }
  ~SpoolFixture() override {
    SetLog(LogLevel::kWarning, LogFormat::kText);
    ClearSyncPoints();
  }

  Result<std::unique_ptr<SpoolSink>> TryOpen(SpoolOptions options = {}) {
    options.directory = directory_;
    options.metrics = metrics_;
    if (!options.pauses) options.pauses = pauses_;
    return OpenSpool(inner_, std::move(options), clock_, disk_);
  }
  std::unique_ptr<SpoolSink> Open(SpoolOptions options = {}) {
    auto spool = TryOpen(std::move(options));
    EXPECT_TRUE(spool) << spool.error().ToString();
    return spool ? std::move(*spool) : nullptr;
  }
  // A spool with these events, closed; the sink below took none of them.
  void Fill(const std::vector<std::string>& ids, const SpoolOptions& options = {}) {
    inner_ = std::make_shared<ScriptedSink>();
    inner_->Hold();
    const auto spool = Open(options);
    for (const auto& id : ids) EVENTS_OK_OR_FAIL(spool->Emit(EventNamed(id)));
    IgnoreError(spool->Close(Deadline::Now()), "it says that they stay");
    inner_ = std::make_shared<ScriptedSink>();
  }
  // What is delivered of the spool from now on, to its end.
  std::vector<std::string> Drain(const SpoolOptions& options = {}) {
    const auto spool = Open(options);
    if (!spool) return {};
    EXPECT_TRUE(spool->Flush(Soon()));
    status_ = spool->status();
    return inner_->taken();
  }
  [[nodiscard]] std::vector<std::filesystem::path> Segments() const {
    std::vector<std::filesystem::path> paths;
    for (const auto& each : std::filesystem::directory_iterator(directory_)) {
      if (ParseSegmentName(each.path().filename().string())) paths.push_back(each.path());
    }
    std::ranges::sort(paths);
    return paths;
  }
  [[nodiscard]] std::vector<std::filesystem::path> Quarantined() const {
    std::vector<std::filesystem::path> paths;
    for (const auto& each : std::filesystem::directory_iterator(directory_ / "quarantine")) {
      paths.push_back(each.path());
    }
    std::ranges::sort(paths);
    return paths;
  }
  static std::string Contents(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }
  static void Put(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }

  const ::jammi::test::TempDir folder_{::jammi::test::TempDir::On::kMemory};
  const std::filesystem::path directory_ = folder_ / "spool";
  std::shared_ptr<ScriptedSink> inner_ = std::make_shared<ScriptedSink>();
  const std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>(1'000'000);
  const std::shared_ptr<HeldClock> pauses_ = std::make_shared<HeldClock>();
  std::shared_ptr<Metrics> metrics_ = std::make_shared<Metrics>();
  FaultyDisk disk_;
  SpoolStatus status_;
};

}  // namespace jammi::events::test
