// Takes events out of the log: the oldest ones of topics that are beyond a limit, and all those of topics
// that were dropped.
//
// Every step is a short transaction in the lowest lane: about a megabyte of one topic's oldest events, and
// the topic's head moves with them, so that whoever reads sees either all of it or nothing. Of all engines on
// a catalog one at a time does it, by a lease that lasts from one step to the next.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catalog/repo_statement.h"
#include "jammi/catalog_backend.h"
#include "jammi/lease.h"
#include "jammi/topic_retention.h"

namespace jammi {

// The statements that look for something.
[[nodiscard]] std::span<const RepoStatement> LogTrimStatements();

// Deletes a topic's events with these offsets, both included, and what is kept beside them: the one place
// where events leave the log. None that is below them is there.
[[nodiscard]] Result<void> RemoveEvents(Transaction& tx, int64_t topic_no, int64_t first, int64_t last);

// One thread at a time.
class LogTrim {
 public:
  // `defaults`: limits of topics that have none of their own; all fields are there. The backend must outlive
  // this. `holder` is another one in each engine.
  LogTrim(CatalogBackend& backend, const TopicRetention& defaults, std::string holder);

  // Whether there is a topic that was dropped and is still there. Reads only.
  [[nodiscard]] Result<bool> HasDropped();
  // Some topics that are beyond a limit, by number, all of them above `after`; none: that was all. Reads
  // only.
  [[nodiscard]] Result<std::vector<int64_t>> FindDue(int64_t after);

  // Takes the lease. False: another engine works, or died less than kLease ago. (A catalog file has one
  // engine at a time: there it is always taken.)
  [[nodiscard]] Result<bool> Claim(Deadline deadline);
  // Gives it back.
  [[nodiscard]] Result<void> Release(Deadline deadline);

  struct Step {
    int64_t events = 0;  // removed
    int64_t bytes = 0;   // of their payloads
    bool more = false;   // another step would find something to do
  };
  // Removes the oldest events of a topic as far as its limits say, and one step allows. No events and no
  // more: there is nothing to trim, a consumer holds it back, or the topic is gone.
  // Errors: kFailedPrecondition with LeaseLostDetail; those of CatalogBackend::RunTransaction.
  [[nodiscard]] Result<Step> Trim(int64_t topic_no, Deadline deadline);
  // Removes some events of a dropped topic, or one that has no more; no more: none is left.
  // Errors: as Trim().
  [[nodiscard]] Result<Step> Purge(Deadline deadline);

 private:
  struct Cut;
  struct State;
  [[nodiscard]] Result<std::optional<State>> ReadState(Transaction& tx, int64_t topic_no) const;
  [[nodiscard]] Result<void> HoldLease(Transaction& tx) const;

  CatalogBackend& backend_;
  const TopicRetention defaults_;
  LeaseToken lease_;
  // How far a dropped topic's events are gone: who begins with its first key again passes over all that the
  // database has not cleaned up yet.
  struct Purged {
    int64_t topic_no = 0;
    int64_t end = 0;
  };
  Purged purged_;
};

}  // namespace jammi
