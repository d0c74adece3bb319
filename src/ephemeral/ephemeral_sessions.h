// The door of this folder: opens, attaches and ends the ephemeral sessions of one engine, and sweeps those of
// all.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "catalog/catalog.h"
#include "ephemeral/ephemeral_repo.h"
#include "ephemeral/lifecycle_topic.h"
#include "ephemeral/session_ender.h"
#include "ephemeral/session_tables.h"
#include "ephemeral/sweeper.h"
#include "jammi/ephemeral.h"
#include "jammi/lease_keeper.h"
#include "trigger/gate.h"
#include "trigger/streams.h"

namespace jammi {

struct EphemeralSessionsOptions {
  std::chrono::milliseconds sweep_interval{60'000};
  std::chrono::milliseconds lease{60'000};
  int64_t sessions_a_pass = 64;
  bool background = true;  // off: sweeps and renewals only when they are called for; for tests
};

// Thread-safe. What each call means, and its errors: Session in jammi/engine.h, and EphemeralSession.
class EphemeralSessions : public std::enable_shared_from_this<EphemeralSessions> {
 public:
  // All must outlive Shutdown(). Sweeps at once, in the background. On SQLite, where there is no other
  // engine, all sessions that are there belong to nobody any more.
  [[nodiscard]] static Result<std::shared_ptr<EphemeralSessions>> Start(
      Catalog& catalog, Streams& streams, TableStore& tables, const EphemeralSessionsOptions& options);
  ~EphemeralSessions() { Shutdown(); }
  EphemeralSessions(const EphemeralSessions&) = delete;
  EphemeralSessions& operator=(const EphemeralSessions&) = delete;

  [[nodiscard]] Result<EphemeralSession> Open(const Scope& scope, const OpenEphemeralOptions& options);
  [[nodiscard]] Result<EphemeralSession> Attach(const Scope& scope, std::string_view session_id);

  // One pass of the sweeper.
  [[nodiscard]] Result<SweepReport> Sweep();

  // Refuses new work, waits for what runs, and closes the sessions that are open here: their tables go with
  // the next sweep, of another engine or the next one. The catalog is not touched after it. Idempotent.
  void Shutdown() { Stop(/*give_up=*/true); }

  // For tests. The renewal that comes at a third of the lease; and an end as by a crash: what is open stays.
  [[nodiscard]] Result<LeaseRenewal> RenewLeases() { return repo_.RenewAll(); }
  void Abandon() { Stop(/*give_up=*/false); }

 private:
  friend class EphemeralSession;

  EphemeralSessions(Catalog& catalog, Streams& streams, TableStore& tables,
                    const EphemeralSessionsOptions& options);
  [[nodiscard]] static Error Closed() { return Error(ErrorCode::kUnavailable, "the engine is closed"); }

  // The leases of open sessions are renewed from the first handle that owns one to the last.
  void AddHandle();
  void RemoveHandle();
  void CheckRenewal();
  void StartRenewal();  // mutex_ is held
  void Stop(bool give_up);
  [[nodiscard]] Result<EphemeralSession> MakeHandle(const EphemeralKey& key, const EphemeralRecord& record,
                                                    bool owner);
  [[nodiscard]] Result<void> Close(const EphemeralKey& key, Deadline deadline);

  CatalogBackend& backend_;
  const std::chrono::microseconds lease_;
  const bool background_;
  Gate gate_;
  const EphemeralRepo repo_;
  const SessionTables tables_;
  LifecycleTopic topic_;
  SessionEnder ender_;

  std::mutex mutex_;
  // Guarded by mutex_.
  int64_t handles_ = 0;  // that own a session
  bool has_opened_ = false;
  std::optional<LeaseKeeper> keeper_;  // from the first session on
  std::optional<LeaseKeeper::Kept> kept_;

  Sweeper sweeper_;
};

}  // namespace jammi
