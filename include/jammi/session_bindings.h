// Which tenant a client's session is bound to: durable, and the same for every process on the database.
//
// A session's id is text that the client has chosen: it says who goes on talking, it proves nothing. What is
// stored is a SHA-256 of it and of the principal who uses it, so that rows are of one size, nobody takes over
// a session by reading the table or a backup, and the same id in the hands of another principal is another
// session. An id that can be guessed stays one that can be guessed.
//
// Bindings are not things of the catalog: they are made and forgotten by the thousand, every reader looks
// them up himself, and so they are no events of jammi.catalog.changes.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "jammi/catalog_backend.h"
#include "jammi/clock.h"
#include "jammi/ids.h"
#include "jammi/result.h"

namespace jammi {

// What a session is known by.
class SessionKey {
 public:
  using Digest = std::array<uint8_t, 32>;

  // `principal` is who was let in under that name; empty: nobody was asked for one.
  // Errors: kInvalidArgument unless `session_id` is 1..256 bytes of UTF-8 without control characters.
  [[nodiscard]] static Result<SessionKey> Of(std::string_view session_id, std::string_view principal = {});

  [[nodiscard]] const Digest& digest() const { return digest_; }
  auto operator<=>(const SessionKey&) const = default;

 private:
  explicit SessionKey(const Digest& digest) : digest_(digest) {}
  Digest digest_;
};

struct SessionLimits {
  // A binding that nobody has used for so long has expired: 1 second to 10 years.
  std::chrono::microseconds keep = std::chrono::days(30);
  // One that has expired is still found for so long, so that its client is told instead of being taken for
  // one that never had a tenant: 0 to 10 years.
  std::chrono::microseconds remember = std::chrono::days(30);
  // A use is written down when the last one that was is so long ago, so that reading stays reading: 0 to
  // `keep`.
  std::chrono::microseconds touch_after = std::chrono::hours(1);
  int64_t most = 1'000'000;  // bindings, of all tenants; at least 1
};

struct SessionBinding {
  TenantId tenant;
  bool expired = false;    // nobody has used it for `keep`: it binds no longer
  bool touch_due = false;  // Touch() would write

  bool operator==(const SessionBinding&) const = default;
};

// A handle: cheap to copy, thread-safe. It keeps the database's core alive, and answers kUnavailable once
// that is closed. Errors of all: those of CatalogBackend::RunTransaction.
class SessionBindings {
 public:
  // Errors: kInvalidArgument: limits out of their ranges.
  [[nodiscard]] static Result<SessionBindings> Make(std::shared_ptr<CatalogBackend> backend,
                                                    const SessionLimits& limits);

  // Binds the session, or binds it anew, and keeps the binding from now on for `keep`.
  // Errors: kResourceExhausted: there are `most` bindings, and none of them has expired. (If some have, those
  // that did so first are forgotten, `remember` or not.)
  [[nodiscard]] Result<void> Bind(const SessionKey& session, const TenantId& tenant,
                                  Deadline deadline = Deadline::Never());

  // Removes the binding, also one that has expired. False: there was none.
  [[nodiscard]] Result<bool> Unbind(const SessionKey& session, Deadline deadline = Deadline::Never());

  // The binding, or nullopt for a session that has none. One read of one row; on PostgreSQL one round trip.
  [[nodiscard]] Result<std::optional<SessionBinding>> Find(const SessionKey& session,
                                                           Deadline deadline = Deadline::Never()) const;

  // Writes down that the session is used, if that is due. True: it was, and is written.
  [[nodiscard]] Result<bool> Touch(const SessionKey& session, Deadline deadline = Deadline::Never());

  // Removes bindings that expired `remember` ago, kSweepBatch at most: one short transaction in the lowest
  // lane. How many.
  static constexpr int64_t kSweepBatch = 512;
  [[nodiscard]] Result<int64_t> SweepStep(Deadline deadline = Deadline::Never());

  // How many bindings there are, with those that have expired and are remembered.
  [[nodiscard]] Result<int64_t> Count(Deadline deadline = Deadline::Never()) const;

  [[nodiscard]] const SessionLimits& limits() const { return limits_; }
  // Other processes may change the bindings: a copy of one may be out of date at once.
  [[nodiscard]] bool shared() const { return backend_->kind() != BackendKind::kSqlite; }

 private:
  SessionBindings(std::shared_ptr<CatalogBackend> backend, const SessionLimits& limits)
      : backend_(std::move(backend)), limits_(limits) {}
  [[nodiscard]] Result<bool> TryBind(const SessionKey& session, const TenantId& tenant, Deadline deadline);
  [[nodiscard]] Result<int64_t> Sweep(std::chrono::microseconds expired_for, Deadline deadline);

  std::shared_ptr<CatalogBackend> backend_;
  SessionLimits limits_;
};

}  // namespace jammi
