// Runs a group of bodies and appends in one transaction, and settles what becomes of each.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "catalog/producer_keys.h"
#include "catalog/sqlite/connection.h"
#include "catalog/sqlite/work.h"
#include "jammi/clock.h"

namespace jammi::sqlite {

class GroupRunner {
 public:
  // `backend` is what bodies must not call.
  GroupRunner(const void* backend, std::shared_ptr<Clock> clock)
      : backend_(backend), clock_(std::move(clock)) {}

  struct Report {
    bool outcome_unknown = false;  // COMMIT failed with an I/O error: close the connection
    int64_t commits = 0;
    int64_t reruns = 0;
  };
  // Each work has its outcome afterwards. If the transaction of all fails as a whole, each is run again
  // in one of its own, so that one that cannot succeed takes no other with it.
  // `committed` gets the events that are durable now, in commit order.
  Report Run(Connection& connection, std::span<Work* const> group, std::vector<CommittedEvent>& committed);

 private:
  enum class Verdict { kCommitted, kRolledBack, kNotBegun, kUnknown };
  // Events of this transaction: an append's, or some that a body asked for.
  struct Pending : PendingAppend {
    Work* work;
  };

  Verdict Attempt(Connection& connection, std::span<Work* const> group);
  Verdict Commit(Connection& connection, std::span<Work* const> group);
  Verdict RolledBack(Connection& connection, std::span<Work* const> group, const Error& error);
  [[nodiscard]] Result<void> RunBodies(Connection& connection, std::span<Work* const> group);
  [[nodiscard]] Result<void> RunBody(Connection& connection, Work& work, bool savepoint);
  [[nodiscard]] Result<void> CheckBodyIsWhole(Connection& connection, const Work& work, bool has_company);
  [[nodiscard]] Result<void> CheckTopicIsThere(Connection& connection, int64_t topic_no);
  [[nodiscard]] Result<void> AppendAll(Connection& connection, std::span<Work* const> group);
  [[nodiscard]] Result<void> AppendToTopic(Connection& connection, std::span<Pending> appends,
                                           UnixMicros now);
  [[nodiscard]] Result<void> Write(Connection& connection, std::span<Pending> appends, UnixMicros now);
  void Collect(std::vector<CommittedEvent>& committed);

  const void* backend_;
  std::shared_ptr<Clock> clock_;
  std::vector<Pending> pending_;  // kept for its memory
  std::vector<int64_t> topics_;   // that were there when a body of this group wanted to append
};

}  // namespace jammi::sqlite
