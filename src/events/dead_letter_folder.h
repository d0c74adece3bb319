// A folder of dead letters.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "events/disk.h"
#include "jammi/clock.h"
#include "jammi/events/dead_letter.h"
#include "jammi/events/event.h"
#include "jammi/result.h"

namespace jammi::events {

// Thread-safe; several processes may write to one folder.
class DeadLetterFolder {
 public:
  // `options.directory` exists. What a program that was killed has left half written there goes.
  DeadLetterFolder(const DeadLetterOptions& options, std::shared_ptr<Clock> clock,
                   Disk& disk = Disk::System());

  // Writes a letter that is on disk, whole, when this returns; its name. Errors: kSpillFull: a limit of
  // the options; kSinkFull: the disk is full; kSpillFailed; kInvalidEvent: it could not be read again.
  // Nothing is left behind.
  [[nodiscard]] Result<std::string> Write(const Event& event, const Error& error);

 private:
  // Counts `bytes` in, or says that there is no room.
  [[nodiscard]] Result<void> Reserve(uint64_t bytes);
  void GiveBack(uint64_t bytes);
  void CountAgainLocked();
  void Sweep();
  struct Temporary {
    std::filesystem::path path;
    File file;
  };
  [[nodiscard]] Result<Temporary> MakeTemporary();
  [[nodiscard]] Result<std::string> WriteFile(const std::string& text, const std::string& id);

  const DeadLetterOptions options_;
  const std::shared_ptr<Clock> clock_;
  Disk& disk_;

  std::mutex mutex_;
  // What lies there, as far as we know: a replay in another process may have removed some.
  uint64_t files_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace jammi::events
