// Calls of one tenant that wait for each other are written together. The chain's head lets one transaction at
// a time pass, to the end of its COMMIT; those who come meanwhile gather, and the first of them then writes
// for all.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "audit/signing.h"
#include "audit/stored_record.h"
#include "jammi/clock.h"
#include "jammi/result.h"
#include "trigger/prepared_append.h"

namespace jammi::audit {

// What a call wants written: signed, and all or nothing.
struct LogCall {
  std::vector<StoredRecord*> records;  // one at least; whoever writes them sets seq and chain
  std::vector<Sha256Digest> digests;   // of the records
  TenantKeysPtr keys;                  // that they were signed with
  PreparedAppend announcement;
  Deadline deadline;
};

// Thread-safe.
class LogGroups {
 public:
  // More records are not put together: a transaction holds up others.
  static constexpr size_t kMostRecords = 512;

  // Writes calls of one tenant in one transaction that starts before the deadline. False: nothing was
  // written, because something of it is there already.
  using Write = std::function<Result<bool>(std::span<LogCall* const> calls, Deadline deadline)>;
  explicit LogGroups(Write write) : write_(std::move(write)) {}

  // Has the call written, by this thread or another, and returns after that COMMIT. False: nothing of it was
  // written for the sake of another call, or because something is there already; it is to be tried alone.
  // Errors: kDeadlineExceeded: it was not begun in time; what `write` fails with.
  [[nodiscard]] Result<bool> Submit(const std::string& tenant, LogCall& call);

 private:
  enum class State : uint8_t { kWaits, kIsWritten, kWrites, kDone };
  struct Waiter {
    LogCall* call;
    State state = State::kWaits;
    Result<bool> outcome = false;
    std::condition_variable changed;
  };
  using Waiters = std::deque<Waiter*>;

  // Both with the lock held. The first of the waiters, who now writes, and who fits to him.
  [[nodiscard]] static std::vector<Waiter*> TakeGroup(Waiters& waiters);
  // False: the deadline passed before anybody took the call.
  [[nodiscard]] static bool AwaitTurn(std::unique_lock<std::mutex>& lock, Waiter& self);
  [[nodiscard]] Result<bool> WriteFor(const std::vector<Waiter*>& group, Deadline deadline) const;

  const Write write_;
  std::mutex mutex_;
  // Of the tenants that somebody writes for. Guarded by mutex_, and so are all waiters.
  std::unordered_map<std::string, Waiters> waiters_;
};

}  // namespace jammi::audit
