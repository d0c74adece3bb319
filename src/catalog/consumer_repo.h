// Named consumers of topics: who reads a topic under a name, from where on, and how far he has come. They
// outlive the cursors that read for them.
//
// A consumer belongs to a scope and is seen by that scope alone, also on a global topic: how far somebody
// has read is his own business. It goes when its topic is dropped.
//
// Positions are next offsets: a consumer at position 7 has done with 0 to 6. They count in one history of
// the catalog, its incarnation: in another one (a backup that was opened) the same number may be another
// event, so a consumer that was there before must be reset, and says so.
//
// One cursor at a time reads for a consumer, by a lease. Its epoch is shown with every acknowledgement; a
// cursor whose lease has expired or was taken over cannot acknowledge any more.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/lease.h"
#include "catalog/repo_statement.h"
#include "jammi/catalog_access.h"
#include "jammi/clock.h"
#include "jammi/consumers.h"
#include "jammi/ids.h"
#include "jammi/result.h"
#include "jammi/scope.h"

namespace jammi {

// Which consumer of the scope. The topic's number is that of TopicRepo.
struct ConsumerKey {
  int64_t topic_no = 0;
  std::string_view name;  // 1..128 bytes of UTF-8 without U+0000
};

struct CreateConsumerParams {
  int64_t topic_no = 0;   // of a topic that the scope sees
  std::string name;       // as in ConsumerKey
  std::string predicate;  // SQL; empty = every event; at most 64 KiB of UTF-8 without U+0000
  std::optional<uint64_t>
      start;  // at most the topic's head, which is also the default: what comes from now on
};

// What is stored of a jammi::Consumer. `incarnation` is that of `position`; `needs_reset`: it is not the
// catalog's any more.
struct StoredConsumer {
  TopicId topic{Uuid{}};
  int64_t topic_no = 0;
  std::string name;
  Scope owner = Scope::Global();
  std::string predicate;
  uint64_t start = 0;
  uint64_t position = 0;
  std::string incarnation;
  bool needs_reset = false;
  uint64_t head = 0;
  uint64_t low_water = 0;
  std::optional<ConsumerLease> lease;
  UnixMicros created_at = 0;

  [[nodiscard]] uint64_t Lag() const { return head > position ? head - position : 0; }
  bool operator==(const StoredConsumer&) const = default;
};

// The statements whose plans matter.
[[nodiscard]] std::span<const RepoStatement> ConsumerStatements();

// The consumers of one scope. A light handle: cheap to copy, thread-safe.
//
// Errors of all: kInvalidArgument, which names the argument; kNotFound: this scope has no such consumer (to
// one who shows a lease it is kFailedPrecondition with LeaseLostDetail); those of
// CatalogBackend::RunTransaction.
class ConsumerRepo {
 public:
  using OnLeased = jammi::OnLeased;

  explicit ConsumerRepo(CatalogAccess access) : access_(std::move(access)) {}
  [[nodiscard]] ConsumerRepo WithDeadline(Deadline deadline) const;

  // Errors: kAlreadyExists; kNotFound with TopicNotFoundDetail: there is no such topic, or the scope does
  // not see it; kFailedPrecondition: `start` is beyond the head.
  [[nodiscard]] Result<StoredConsumer> Create(const CreateConsumerParams& params);

  [[nodiscard]] Result<StoredConsumer> Get(const ConsumerKey& key) const;
  // The scope's consumers of a topic by name, `page_size` (1..1000) at a time.
  [[nodiscard]] Result<Page<StoredConsumer>> List(int64_t topic_no, int page_size = kDefaultPageSize,
                                                  std::string_view page_token = {}) const;

  // Takes the lease of a consumer, for `duration` (kMinLease to kMaxLease): nobody else can until it
  // expires, but by kTakeOver. The holder of a live lease may attach again, which ends the lease before.
  // Errors: kFailedPrecondition with LeaseHeldDetail: another holds it; kFailedPrecondition with
  // PositionOutdatedDetail: it must be reset.
  [[nodiscard]] Result<StoredConsumer> Attach(const ConsumerKey& key, std::string_view holder,
                                              std::chrono::microseconds duration,
                                              OnLeased on_leased = OnLeased::kFail);

  // The lease lasts `duration` from now on; in front of all other work. When it ends, on the database's
  // clock. Errors: kFailedPrecondition with LeaseLostDetail.
  [[nodiscard]] Result<UnixMicros> Renew(const ConsumerKey& key, const LeaseToken& token,
                                         std::chrono::microseconds duration);

  // All below `position` is done with. A position never falls: one that is behind changes nothing.
  // Errors: kFailedPrecondition with LeaseLostDetail; kFailedPrecondition: beyond the topic's head;
  // kFailedPrecondition with PositionOutdatedDetail.
  [[nodiscard]] Result<void> Ack(const ConsumerKey& key, const LeaseToken& token, uint64_t position);

  // Gives the lease back. Errors: kFailedPrecondition with LeaseLostDetail.
  [[nodiscard]] Result<void> Detach(const ConsumerKey& key, const LeaseToken& token);

  // Moves the consumer to `position`, in the catalog's present incarnation, and ends its lease.
  // Errors: kFailedPrecondition: beyond the topic's head; kFailedPrecondition with LeaseHeldDetail.
  [[nodiscard]] Result<StoredConsumer> Reset(const ConsumerKey& key, uint64_t position,
                                             OnLeased on_leased = OnLeased::kFail);

  // Errors: kFailedPrecondition with LeaseHeldDetail.
  [[nodiscard]] Result<void> Delete(const ConsumerKey& key, OnLeased on_leased = OnLeased::kFail);

 private:
  CatalogAccess access_;
};

// What the holder of a lease tells at once: how far he has come, and whether he gives the lease back.
struct ConsumerSettlement {
  Scope scope = Scope::Global();
  int64_t topic_no = 0;
  std::string name;
  LeaseToken token;
  std::optional<uint64_t> position;  // as Ack()
  bool release = false;              // as Detach(), after it
};

// Settles the affairs of many holders, of whatever scopes, in one transaction. What became of each, in their
// order, with the errors of Ack() and Detach(): one who has lost his lease harms nobody else.
// Errors of the whole: those of CatalogBackend::RunTransaction.
[[nodiscard]] Result<std::vector<Result<void>>> SettleConsumers(
    CatalogBackend& backend, std::span<const ConsumerSettlement> settlements, Deadline deadline);

}  // namespace jammi
