// A cursor that reads for a named consumer: under a lease, with acknowledgements.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "catalog/consumer_repo.h"
#include "jammi/consumers.h"
#include "jammi/lease_keeper.h"
#include "trigger/ack_progress.h"
#include "trigger/cursor.h"

namespace jammi {

class Attachments;

// Which consumer it is, of all scopes.
struct AttachmentKey {
  int64_t topic_no = 0;
  Scope scope = Scope::Global();
  std::string name;
  auto operator<=>(const AttachmentKey&) const = default;
};

// The state behind a ConsumerSubscription. Attachments writes it to the catalog. Its lock and the one in here
// are never held together.
class Attachment : public std::enable_shared_from_this<Attachment> {
 public:
  // `consumer` has just been attached to; `cursor` begins at its position.
  Attachment(std::shared_ptr<Attachments> all, const StoredConsumer& consumer, std::shared_ptr<Cursor> cursor,
             std::chrono::milliseconds close_wait);

  [[nodiscard]] const AttachmentKey& key() const { return key_; }
  [[nodiscard]] const LeaseToken& token() const { return token_; }
  [[nodiscard]] const std::shared_ptr<Cursor>& cursor() const { return cursor_; }

  // --- The reader.

  [[nodiscard]] Result<std::optional<Delivery>> Next(Deadline deadline);
  [[nodiscard]] Result<Subscription::Polled> TryNext();
  [[nodiscard]] Result<void> Ack(uint64_t offset);
  [[nodiscard]] Result<void> Flush(Deadline deadline);
  void Close();
  [[nodiscard]] uint64_t acked() const;
  [[nodiscard]] uint64_t flushed() const;
  [[nodiscard]] ConsumerLease lease() const;

  // --- Attachments.

  // Close() was called, and nothing is left to be written.
  [[nodiscard]] bool Over() const;
  // No renewal runs any more when it has returned; it may wait for one.
  void EndLease();
  // Before anybody else has it.
  void Keep(LeaseKeeper::Kept kept);
  void Renewed(UnixMicros expires_at);
  // Why the lease is no more, as a renewal has heard; told to the reader when the keeper says that it is
  // lost.
  void Heard(const Error& error);
  // The lease is no more: the stream ends with `why`, and nothing is written any more. The first counts.
  void Lose(Error why);

  // What is to be written now; nullopt: nothing. Settled() follows.
  [[nodiscard]] std::optional<ConsumerSettlement> Pending();
  // What became of it. False: it is to be tried again.
  [[nodiscard]] bool Settled(const ConsumerSettlement& settlement, const Result<void>& outcome);
  // The next Pending() gives the lease back; nothing is acknowledged any more.
  void Release();
  // Nothing more will be written.
  void Abandon(Error why);

 private:
  // Asks the clock whether the lease has expired.
  void CheckLease();
  [[nodiscard]] Error LostBecause(LeaseEnd end);
  // True: it must be queued for writing.
  [[nodiscard]] bool MustQueueLocked();
  [[nodiscard]] std::optional<Error> RefusalLocked() const;
  void Record(const Result<Subscription::Polled>& polled);

  const std::shared_ptr<Attachments> all_;
  const AttachmentKey key_;
  const LeaseToken token_;
  const std::shared_ptr<Cursor> cursor_;
  const std::chrono::milliseconds close_wait_;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  // Guarded by mutex_.
  AckProgress progress_;
  UnixMicros expires_at_ = 0;
  bool queued_ = false;
  bool closing_ = false;    // by the reader
  bool releasing_ = false;  // by the engine's end
  bool settled_ = false;    // nothing will be written any more
  std::optional<Error> heard_;
  std::optional<Error> lost_;
  std::optional<Error> last_failure_;

  // Written once, by Keep().
  std::optional<LeaseKeeper::Kept> kept_;
  std::optional<std::stop_callback<std::function<void()>>> on_lost_;
};

[[nodiscard]] std::unique_ptr<ConsumerSubscription> MakeConsumerSubscription(
    std::shared_ptr<Attachment> attachment);

}  // namespace jammi
