#include "catalog/sqlite/checkpointer.h"

#include <algorithm>

#include "base/log.h"

namespace jammi::sqlite {
namespace {

constexpr int64_t kWorkFromBytes = 8 << 20;
constexpr int64_t kHoldWriterFromBytes = 256 << 20;
constexpr int64_t kFrameHeaderBytes = 24;

}  // namespace

Result<void> Checkpointer::Start(std::unique_ptr<Connection> connection, bool background) {
  connection_ = std::move(connection);
  JAMMI_ASSIGN(page_bytes_, connection_->GetInt("PRAGMA page_size"));
  if (background) thread_ = std::thread([this] { Thread(); });
  return {};
}

void Checkpointer::Close() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(connection_mutex_);
  if (connection_ == nullptr) return;
  if (auto done = Checkpoint(Connection::Checkpoint::kTruncate); !done) {
    Log(LogLevel::kWarning, "catalog: the last checkpoint failed, the log stays: {}", done.error().message());
  }
  connection_.reset();
}

void Checkpointer::OnWalGrowth(int64_t frames) {
  const int64_t frame_bytes = page_bytes_ + kFrameHeaderBytes;
  statistics_.wal_bytes.store(static_cast<uint64_t>(frames * frame_bytes), std::memory_order_relaxed);
  // Fewer frames than were moved: the log was begun anew.
  int64_t moved = checkpointed_frames_.load(std::memory_order_relaxed);
  if (frames < moved) checkpointed_frames_.store(moved = 0, std::memory_order_relaxed);
  seen_frames_.store(frames, std::memory_order_relaxed);
  int64_t tried = tried_frames_.load(std::memory_order_relaxed);
  if (frames < tried) tried_frames_.store(tried = 0, std::memory_order_relaxed);
  if ((frames - std::max(moved, tried)) * frame_bytes < kWorkFromBytes) return;
  const std::lock_guard lock(mutex_);
  if (due_) return;
  due_ = true;
  wake_.notify_one();
}

Result<void> Checkpointer::Run() {
  return writer_.RunExclusive([this](Connection&) -> Result<void> {
    const std::lock_guard lock(connection_mutex_);
    return Checkpoint(Connection::Checkpoint::kTruncate);
  });
}

// Most of the log while the writer goes on, then, with the writer held, what was added meanwhile: only
// when all is moved is the log begun anew. Else it grows for ever, and a sync of a file that grows costs
// several times one of a file that is written over.
Result<void> Checkpointer::RunBesideWriter() {
  const auto move = [this]() -> Result<void> {
    const std::lock_guard lock(connection_mutex_);
    return Checkpoint(Connection::Checkpoint::kPassive);
  };
  JAMMI_TRY(move());
  return writer_.RunExclusive([&](Connection&) { return move(); });
}

void Checkpointer::Thread() {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return due_ || stopping_; });
      if (stopping_) return;
    }
    const bool large = statistics_.wal_bytes.load(std::memory_order_relaxed) >= kHoldWriterFromBytes;
    const auto done = large ? Run() : RunBesideWriter();
    if (!done && writer_.CheckOpen()) {  // Close() has a last one of its own
      Log(LogLevel::kWarning, "catalog: a checkpoint failed, the log grows on: {}", done.error().message());
    }
    // A reader that stays may have held it back: it is tried again when the log has grown by as much again,
    // not with every commit.
    tried_frames_.store(seen_frames_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    const std::lock_guard lock(mutex_);
    due_ = false;
  }
}

Result<void> Checkpointer::Checkpoint(Connection::Checkpoint kind) {
  JAMMI_ASSIGN(const auto result, connection_->RunCheckpoint(kind));
  Add(statistics_.checkpoints);
  checkpointed_frames_.store(result.checkpointed_frames, std::memory_order_relaxed);
  if (kind == Connection::Checkpoint::kPassive) return {};
  if (!result.complete) {
    return Error(ErrorCode::kUnavailable, "readers held the checkpoint back",
                 BackendDetail{BackendFault::kBusy, {}, {}});
  }
  checkpointed_frames_.store(0, std::memory_order_relaxed);
  statistics_.wal_bytes.store(0, std::memory_order_relaxed);
  return {};
}

}  // namespace jammi::sqlite
