// All attachments to named consumers of an engine: keeps their leases, and writes for them together what they
// have acknowledged. Two threads for the leases and one that writes, however many there are; none before the
// first.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <thread>
#include <vector>

#include "jammi/catalog_backend.h"
#include "trigger/attachment.h"

namespace jammi {

struct AttachmentOptions {
  std::chrono::milliseconds write_acks_after{100};
  // What nobody acknowledged because nobody saw it is written less often.
  std::chrono::milliseconds write_progress_after{1000};
  // For tests, which call Write(), keeper().Renew() and keeper().Watch() themselves.
  std::function<LeaseKeeper::Time()> now = [] { return std::chrono::steady_clock::now(); };
  bool threads = true;
};

// Thread-safe. The catalog is not touched once Shutdown() has returned.
class Attachments : public std::enable_shared_from_this<Attachments> {
 public:
  using Time = LeaseKeeper::Time;
  enum class Urgency : uint8_t { kNow, kAcks, kProgress };

  // `topic_is_gone` looks into the catalog.
  Attachments(CatalogBackend& backend, AttachmentOptions options,
              std::function<bool(int64_t topic_no)> topic_is_gone);
  ~Attachments() { Shutdown(); }

  // `consumer` was attached to at `granted_at` or later, for `lease`.
  [[nodiscard]] std::unique_ptr<ConsumerSubscription> Add(const StoredConsumer& consumer,
                                                          std::shared_ptr<Cursor> cursor, Time granted_at,
                                                          const AttachOptions& options);
  [[nodiscard]] std::vector<std::shared_ptr<Attachment>> Of(const AttachmentKey& key) const;
  [[nodiscard]] Time Now() const { return options_.now(); }
  [[nodiscard]] size_t size() const;

  // Writes for those who have something, in one transaction.
  void Write();
  [[nodiscard]] LeaseKeeper& keeper();

  // Writes the last of all, gives all leases back, ends the threads. Nobody adds any more. Idempotent.
  void Shutdown();

  // --- Attachments' own.

  // `attachment` may be null: it is queued already, and may now be more urgent.
  void Queue(std::shared_ptr<Attachment> attachment, Urgency urgency);
  // As Queue(kNow); it is written when this returns where there is no thread for it.
  void QueueLast(std::shared_ptr<Attachment> attachment);
  void Forget(const Attachment& attachment);
  [[nodiscard]] bool TopicIsGone(int64_t topic_no) const { return topic_is_gone_(topic_no); }

 private:
  using Outcomes = std::vector<Result<void>>;
  void Run(const std::stop_token& stop);
  // Returns those for whom something was written, or was tried to be.
  std::vector<std::shared_ptr<Attachment>> WriteQueued();
  [[nodiscard]] Outcomes Settle(std::span<const ConsumerSettlement> settlements);
  void Report(const Outcomes& outcomes);

  const std::shared_ptr<CatalogBackend> backend_;  // not ours
  const AttachmentOptions options_;
  const std::function<bool(int64_t)> topic_is_gone_;

  std::mutex writing_;  // one Write() at a time; before mutex_
  bool failing_ = false;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::atomic<Time> due_ = Time::max();  // of the queue; written under mutex_
  std::vector<std::shared_ptr<Attachment>> queue_;
  std::multimap<AttachmentKey, std::shared_ptr<Attachment>> all_;
  bool shut_ = false;
  std::unique_ptr<LeaseKeeper> keeper_;
  std::jthread writer_;
};

}  // namespace jammi
