// Ephemeral sessions: scratch areas of a tenant. A session has mutable tables of its own, which all go when
// it is closed, when its deadline has passed, or when its engine is gone, whichever comes first.
//
//   auto scratch = session.OpenEphemeral({.timeout = std::chrono::minutes(30)});
//   scratch->CreateTable("hits", schema, {"id"});
//   scratch->Insert("hits", batch);
//   scratch->Close();
//
// Sessions are recorded in the catalog, with their tenant and their deadline, so nothing that dies leaves
// tables behind: an engine sweeps when it starts and every `ephemeral.sweep_interval_ms`, for all engines on
// the catalog. Whoever drops a session's tables does so as its tenant. What happened to a session is told in
// the topic kSessionLifecycleTopic of its tenant, in the transactions in which it happens: docs/formats.md.
#pragma once

#include <arrow/type_fwd.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "jammi/clock.h"
#include "jammi/ids.h"
#include "jammi/result.h"
#include "jammi/tables.h"

namespace jammi {

class EphemeralSessions;
class SessionTables;

// The tenant's own topic, there from his first session on; each event is one row, whose one column `record`
// is JSON.
inline constexpr std::string_view kSessionLifecycleTopic = "jammi.audit.session_lifecycle.v1";

struct OpenEphemeralOptions {
  // From now on, on the database's clock, whatever is done with the session; above zero. One that is too long
  // for the clock, such as microseconds::max(), means never.
  std::chrono::microseconds timeout{0};
};

// A handle. The one that opened the session owns it: when it goes without Close(), the session is closed in
// the background. Those that were attached go without a trace. Thread-safe, but for moving; it may outlive
// the engine, and answers kUnavailable then: the engine has given up its sessions.
//
// Errors of all calls that use the session: kInvalidState with EphemeralDetail(kEnded), once it was closed or
// its deadline has passed, by whatever handle or engine; those of CatalogBackend::RunTransaction.
class EphemeralSession {
 public:
  static constexpr size_t kMaxTableNameBytes = 24;

  EphemeralSession(EphemeralSession&&) noexcept;
  EphemeralSession& operator=(EphemeralSession&&) noexcept;
  ~EphemeralSession();

  // A UUID, hyphenated; for Session::AttachEphemeral().
  [[nodiscard]] const std::string& id() const;
  [[nodiscard]] const TenantId& tenant() const;
  // On the database's clock.
  [[nodiscard]] UnixMicros created_at() const;
  [[nodiscard]] std::optional<UnixMicros> deadline() const;  // absent: never

  // Creates a table of the session. `name` is 1 to kMaxTableNameBytes bytes of [a-z0-9_]; the rest as
  // TableDefinition says.
  // Errors: kInvalidArgument with EphemeralDetail(kNameTooLong); kAlreadyExists with
  // EphemeralDetail(kDuplicateTable); those of Tables::Create().
  [[nodiscard]] Result<void> CreateTable(std::string_view name, const std::shared_ptr<arrow::Schema>& schema,
                                         const std::vector<std::string>& primary_key);

  // Adds the rows of a batch, all or none; returns how many.
  // Errors: kNotFound with EphemeralDetail(kUnknownTable); those of Tables::Append().
  [[nodiscard]] Result<int64_t> Insert(std::string_view table,
                                       const std::shared_ptr<arrow::RecordBatch>& batch);

  // Hands out the rows of one moment, as Tables::Scan() does, with its errors; and kNotFound with
  // EphemeralDetail(kUnknownTable). Closing the engine waits for it.
  [[nodiscard]] Result<TableScanEnd> Scan(std::string_view table, const TableScan& scan,
                                          const OnTableBatch& on_batch) const;

  // How many rows the table has. Errors: kNotFound with EphemeralDetail(kUnknownTable).
  [[nodiscard]] Result<int64_t> Count(std::string_view table) const;

  // The id by which the tenant's Tables know it, for whatever else they can do; unchecked.
  [[nodiscard]] std::string TableId(std::string_view table) const;

  // Drops the session's tables and says so. When it has ended already, or another ends it now, this does
  // nothing and succeeds; so the second time too.
  // Errors: kFailedPrecondition with EphemeralDetail(kPartialDeletionFailure): it is closed, and tables that
  // could not be dropped are tried again by later sweeps; those of CatalogBackend::RunTransaction: it is
  // still open, or a later sweep ends it.
  [[nodiscard]] Result<void> Close(Deadline deadline = {});

 private:
  friend class EphemeralSessions;
  struct State;
  explicit EphemeralSession(std::unique_ptr<State> state);
  [[nodiscard]] Result<void> CheckOpen() const;
  template <class Verb>
  [[nodiscard]] auto OnTable(std::string_view table, Verb verb) const
      -> std::invoke_result_t<Verb, const SessionTables&, const std::string&>;

  std::unique_ptr<State> state_;
};

}  // namespace jammi
