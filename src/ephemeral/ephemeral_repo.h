// The records of ephemeral sessions: which there are, until when, who answers for them.
//
// A session's lease is its engine's as long as the session is open, and never lasts beyond its deadline. So a
// session whose lease has expired is one to be ended, whether its time is over or its engine is gone; whoever
// ends it takes the lease, with a new epoch, and every further step shows that. One that could not be ended
// is leased until it shall be tried again.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catalog/repo_statement.h"
#include "jammi/catalog_backend.h"
#include "jammi/lease.h"
#include "jammi/result.h"
#include "jammi/scope.h"

namespace jammi {

[[nodiscard]] std::span<const RepoStatement> EphemeralStatements();

// Why a session ends.
enum class SessionEnding : uint8_t {
  kClosed,      // by its user, or his handle went
  kTimedOut,    // its deadline has passed
  kEngineLost,  // before that, its engine has not renewed the lease
};

struct EphemeralKey {
  Scope tenant = Scope::Global();
  std::string session_id;
  bool operator==(const EphemeralKey&) const = default;
};

struct EphemeralRecord {
  UnixMicros created_at = 0;
  std::optional<UnixMicros> deadline;  // absent: never
};

// A session that is being ended, by the holder of this lease.
struct EndingSession {
  SessionEnding ending = SessionEnding::kClosed;
  int64_t epoch = 0;
  // So far.
  int64_t dropped_tables = 0;
  int64_t deleted_rows = 0;
  int64_t failures = 0;
  bool announced = false;  // the tenant knows that tables survive it
  UnixMicros now = 0;      // the database's time
};

// Thread-safe. What takes a Transaction is a step of it; the rest are transactions of their own, whose errors
// are those of CatalogBackend::RunTransaction.
class EphemeralRepo {
 public:
  // `holder` is another one in each engine. The backend must outlive this.
  EphemeralRepo(CatalogBackend& backend, std::string holder, std::chrono::microseconds lease)
      : backend_(backend), holder_(std::move(holder)), lease_(lease) {}

  [[nodiscard]] Result<EphemeralRecord> Insert(Transaction& tx, const EphemeralKey& key,
                                               std::chrono::microseconds timeout) const;
  // Nullopt unless it is open: not ended, and before its deadline.
  [[nodiscard]] Result<std::optional<EphemeralRecord>> FindOpen(const EphemeralKey& key,
                                                                Deadline deadline) const;
  // Whether it is open; if so, nobody ends it before the transaction has.
  [[nodiscard]] Result<bool> HoldOpen(Transaction& tx, const EphemeralKey& key) const;

  // Takes the lease of a session that is open, to close it; nullopt: it is not.
  [[nodiscard]] Result<std::optional<EndingSession>> ClaimOpen(Transaction& tx,
                                                               const EphemeralKey& key) const;
  // Takes the lease of a session whose lease has expired; nullopt: it has not, or the session is gone.
  [[nodiscard]] Result<std::optional<EndingSession>> ClaimDue(Transaction& tx, const EphemeralKey& key) const;
  // Keeps the lease for the next step; nullopt: somebody else has it.
  [[nodiscard]] Result<std::optional<EndingSession>> Hold(Transaction& tx, const EphemeralKey& key,
                                                          const EndingSession& session) const;

  // Behind a claim or Hold() of the same transaction.
  [[nodiscard]] Result<void> AddDropped(Transaction& tx, const EphemeralKey& key, int64_t tables,
                                        int64_t rows) const;
  [[nodiscard]] Result<void> Postpone(Transaction& tx, const EphemeralKey& key, std::chrono::microseconds by,
                                      bool announced) const;
  [[nodiscard]] Result<void> Remove(Transaction& tx, const EphemeralKey& key) const;

  // Sessions whose lease has expired, the one that expired first first. Reads only.
  [[nodiscard]] Result<std::vector<EphemeralKey>> FindDue(int64_t limit) const;

  // Of the open sessions of this engine.
  [[nodiscard]] Result<LeaseRenewal> RenewAll() const;
  // They are closed, and due at once.
  [[nodiscard]] Result<void> GiveUpAll(Deadline deadline) const;
  // The leases of all other engines expire now. Only where there can be none.
  [[nodiscard]] Result<void> ExpireOthers() const;

 private:
  [[nodiscard]] Result<std::optional<EndingSession>> Claim(Transaction& tx, std::string_view sql,
                                                           const EphemeralKey& key) const;

  CatalogBackend& backend_;
  const std::string holder_;
  const std::chrono::microseconds lease_;
};

}  // namespace jammi
