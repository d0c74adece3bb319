// The end of an ephemeral session: its tables go, and its tenant is told, whoever ends it (TRG-135, TRG-136,
// TRG-140, W-25).
//
// All of it is one transaction as a rule. A session with many tables takes several, and so does one whose
// tables cannot all be dropped; each begins with the session's row, so that of two who end a session one
// goes on. The last one removes the row and says so in the same commit: what is announced has happened, and
// is announced once.
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "ephemeral/ephemeral_repo.h"
#include "ephemeral/lifecycle_topic.h"
#include "ephemeral/session_tables.h"

namespace jammi {

// Which sessions a call may end.
enum class EndOf : uint8_t {
  kOpen,  // one that is open, because its user says so
  kDue,   // one whose lease has expired
};

struct SessionEnd {
  bool claimed = false;  // false: there was nothing to end, or somebody else does
  int64_t tables = 0;    // that the session had
  int64_t rows = 0;      // that went with them
  // Ids of tables that could not be dropped; they are tried again by a later sweep.
  std::vector<std::string> survivors = {};
};

// Thread-safe.
class SessionEnder {
 public:
  // All must outlive this.
  SessionEnder(CatalogBackend& backend, const EphemeralRepo& repo, const SessionTables& tables,
               LifecycleTopic& topic)
      : backend_(backend), repo_(repo), tables_(tables), topic_(topic) {}

  // Errors: of the database; the session is as it was then, or is ended by a later sweep.
  [[nodiscard]] Result<SessionEnd> End(const EphemeralKey& key, EndOf which, Deadline deadline);

  // Leaves a due session to a later sweep, because End() has failed.
  [[nodiscard]] Result<void> Postpone(const EphemeralKey& key, Deadline deadline);

  // After so many failures the next try comes so much later.
  [[nodiscard]] static std::chrono::microseconds RetryAfter(int64_t failures);

  // Tables that one transaction drops at most.
  static constexpr size_t kTablesAStep = 16;

 private:
  struct Run;
  [[nodiscard]] Result<SessionEnd> Step(Transaction& tx, Run& run) const;
  [[nodiscard]] Result<SessionEnd> Finish(Transaction& tx, const Run& run, SessionEnd end) const;
  [[nodiscard]] Result<SessionEnd> LeaveSurvivors(Transaction& tx, const Run& run, SessionEnd end,
                                                  int64_t dropped, int64_t rows) const;

  CatalogBackend& backend_;
  const EphemeralRepo& repo_;
  const SessionTables& tables_;
  LifecycleTopic& topic_;
};

}  // namespace jammi
