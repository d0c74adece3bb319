// Moves the write-ahead log into the database file, beside the writer.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

#include "catalog/sqlite/connection.h"
#include "catalog/sqlite/writer.h"
#include "catalog/statistics.h"

namespace jammi::sqlite {

// Works from 8 MB of log on, beside the writer but for a moment at the end; above 256 MB, when readers
// have kept the log from being begun anew, it holds the writer until all is moved and the log is cut.
// Thread-safe.
class Checkpointer {
 public:
  Checkpointer(Writer& writer, Statistics& statistics) : writer_(writer), statistics_(statistics) {}
  ~Checkpointer() { Close(); }

  // `background`: checkpoints run by themselves, on a thread; else only by Run().
  [[nodiscard]] Result<void> Start(std::unique_ptr<Connection> connection, bool background);
  // Ends the thread; moves and cuts the log, which nobody may write any more. Idempotent.
  void Close();

  // Told after commits; wakes the thread when there is enough to do. Cheap.
  void OnWalGrowth(int64_t frames);
  // Moves and cuts the whole log now, with the writer held.
  [[nodiscard]] Result<void> Run();

 private:
  void Thread();
  [[nodiscard]] Result<void> RunBesideWriter();
  [[nodiscard]] Result<void> Checkpoint(Connection::Checkpoint kind);

  Writer& writer_;
  Statistics& statistics_;
  int64_t page_bytes_ = 0;
  std::thread thread_;

  std::mutex connection_mutex_;  // held while a checkpoint runs
  std::unique_ptr<Connection> connection_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  bool due_ = false;
  std::atomic<int64_t> checkpointed_frames_ = 0;
  std::atomic<int64_t> seen_frames_ = 0;   // in the log after the last commit
  std::atomic<int64_t> tried_frames_ = 0;  // in the log at the last attempt
};

}  // namespace jammi::sqlite
