// Which tenant a client's session is bound to (TEN-011, TEN-012): durable, and the same for every process
// on the database (WK-14).
//
// A session's id is text that the client has chosen: it says who goes on talking, it proves nothing. What
// is stored is its SHA-256, so that rows are of one size and nobody takes over a session by reading the
// table or a backup; an id that can be guessed stays one that can be guessed.
//
// Bindings are not things of the catalog: they are made and forgotten by the thousand, every reader looks
// them up himself, and so they are no events of jammi.catalog.changes.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/hash.h"
#include "catalog/repo_statement.h"
#include "jammi/catalog_backend.h"
#include "jammi/ids.h"
#include "jammi/result.h"

namespace jammi {

// What a session is known by.
class SessionKey {
 public:
  // Errors: kInvalidArgument unless `session_id` is 1..256 bytes of UTF-8 without control characters.
  [[nodiscard]] static Result<SessionKey> Of(std::string_view session_id);

  [[nodiscard]] const Sha256Digest& digest() const { return digest_; }
  auto operator<=>(const SessionKey&) const = default;

 private:
  explicit SessionKey(const Sha256Digest& digest) : digest_(digest) {}
  Sha256Digest digest_;
};

struct SessionLimits {
  // A binding that nobody has used for so long is gone: 1 second to 10 years.
  std::chrono::microseconds keep = std::chrono::days(30);
  // A use is written down when the last one that was is so long ago, so that reading stays reading: 0 to
  // `keep`.
  std::chrono::microseconds touch_after = std::chrono::hours(1);
  int64_t most = 1'000'000;  // bindings, of all tenants; at least 1
};

struct SessionBinding {
  TenantId tenant;
  bool touch_due = false;  // Touch() would write
};

// The statements whose plans matter.
[[nodiscard]] std::span<const RepoStatement> SessionStatements();

// Thread-safe. Errors of all: those of CatalogBackend::RunTransaction.
class SessionRepo {
 public:
  // The backend must outlive the repository. Errors: kInvalidArgument: limits out of their ranges.
  [[nodiscard]] static Result<SessionRepo> Make(CatalogBackend& backend, const SessionLimits& limits);

  // Binds the session, or binds it anew, and keeps the binding from now on for `keep`.
  // Errors: kResourceExhausted: there are `most` bindings, and none that could go has expired.
  [[nodiscard]] Result<void> Bind(const SessionKey& session, const TenantId& tenant,
                                  Deadline deadline = Deadline::Never());

  // False: there was nothing to unbind.
  [[nodiscard]] Result<bool> Unbind(const SessionKey& session, Deadline deadline = Deadline::Never());

  // The binding, or nullopt for a session that has none or has expired. One read of one row, for the
  // beginning of the transaction that does the caller's work.
  [[nodiscard]] Result<std::optional<SessionBinding>> Find(Transaction& tx, const SessionKey& session) const;
  // The same in a transaction of its own.
  [[nodiscard]] Result<std::optional<SessionBinding>> Find(const SessionKey& session,
                                                           Deadline deadline = Deadline::Never()) const;

  // Writes down that the session is used, if that is due. True: it was, and is written.
  [[nodiscard]] Result<bool> Touch(const SessionKey& session, Deadline deadline = Deadline::Never());

  // Removes expired bindings, kSweepBatch at most: one short transaction in the lowest lane. How many.
  static constexpr int64_t kSweepBatch = 512;
  [[nodiscard]] Result<int64_t> SweepStep(Deadline deadline = Deadline::Never());

 private:
  SessionRepo(CatalogBackend& backend, const SessionLimits& limits) : backend_(&backend), limits_(limits) {}
  [[nodiscard]] Result<bool> TryBind(const SessionKey& session, const TenantId& tenant, Deadline deadline);

  CatalogBackend* backend_;
  SessionLimits limits_;
};

}  // namespace jammi
