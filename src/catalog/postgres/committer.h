// Ends transactions: COMMIT, what became of it when the connection was lost in it, and the callbacks of
// those that committed, in order.
#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "catalog/event_log.h"
#include "catalog/postgres/commit_order.h"
#include "catalog/postgres/connection.h"
#include "catalog/postgres/head_notifier.h"
#include "catalog/postgres/transaction.h"
#include "catalog/statistics.h"

namespace jammi::postgres {

// Thread-safe.
class Committer {
 public:
  using OpenFn = std::function<Result<std::unique_ptr<Connection>>(Deadline)>;
  // `backend` is what callbacks must not call. The outcome of a COMMIT is asked for during `ask_for`.
  Committer(const void* backend, Statistics& statistics, HeadNotifier& notifier,
            std::chrono::milliseconds ask_for, OpenFn open)
      : backend_(backend),
        statistics_(statistics),
        notifier_(notifier),
        ask_for_(ask_for),
        open_(std::move(open)) {}

  // Set before the first append.
  void SetListener(EventLog::Listener listener) { listener_ = std::move(listener); }

  // Commits. If that succeeds: tells the listener and the other processes of the events of `appends`, which
  // the transaction has written, and runs `callbacks` (may be null), all after those of the commits before
  // it. Errors: the server's; kUnavailable with BackendDetail(kConnection): the connection was lost and the
  // transaction rolled back; kOutcomeUnknown.
  [[nodiscard]] Result<void> Commit(PgTransaction& tx, const Connection& connection,
                                    std::vector<PendingAppend>& appends,
                                    const std::function<void()>& callbacks);

 private:
  // A transaction whose COMMIT was not answered.
  struct Doubt {
    CommitMark mark;
    ServerProcess process;
    Error error;  // how the connection was lost
  };

  [[nodiscard]] Result<void> Settle(PgTransaction& tx, const Connection& connection);
  [[nodiscard]] Result<void> AskWhatBecame(const Doubt& doubt);
  void Tell(std::vector<PendingAppend>& appends, const std::function<void()>& callbacks);

  const void* const backend_;
  Statistics& statistics_;
  HeadNotifier& notifier_;
  const std::chrono::milliseconds ask_for_;
  const OpenFn open_;
  EventLog::Listener listener_;
  CommitOrder order_;
};

}  // namespace jammi::postgres
