// A publish that has passed every check and waits for somebody's transaction: one with more to write than
// the events, which are to be there together with the rest or not at all.
//
//   JAMMI_ASSIGN(auto prepared, streams.PrepareAppend(scope, topic, batches));  // outside of a body: it
//   reads auto outcome = backend.Transact({}, [&](Transaction& tx) -> Result<void> {
//     JAMMI_TRY(tx.Execute(...));
//     prepared.AppendTo(tx);  // in each run of the body
//     return {};
//   });
//   prepared.Settle(outcome);  // and before that: Transact() has returned
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "jammi/catalog_backend.h"
#include "trigger/quotas.h"

namespace jammi {

// For one transaction. What it takes of the tenant's quota is counted as long as it lives, and for good if
// the events may have been written. It may outlive the Streams it is of. One thread at a time.
class PreparedAppend {
 public:
  PreparedAppend(AppendRequest request, Admission admission)
      : request_(std::move(request)), admission_(std::make_shared<Admission>(std::move(admission))) {}

  // Adds the events to the transaction, once in each run of its body. `done` and what becomes of the events
  // are as Transaction::Append() has them; it fails the transaction with kNotFound when the topic was dropped
  // after it had been looked up: prepare again.
  void AppendTo(Transaction& tx, std::function<void(const AppendOutcome&)> done = {}) const {
    tx.Append(request_, [admission = admission_, done = std::move(done)](const AppendOutcome& outcome) {
      admission->Settle(outcome);
      if (done) done(outcome);
    });
  }

  // What Transact() has returned. Only a kOutcomeUnknown is news here: what was not written needs no word.
  template <class T>
  void Settle(const Result<T>& transacted) {
    if (!transacted) admission_->Settle(transacted.error());
  }

  [[nodiscard]] const AppendRequest& request() const { return request_; }

 private:
  AppendRequest request_;
  std::shared_ptr<Admission> admission_;  // settled after the commit, on whichever thread that was
};

}  // namespace jammi
