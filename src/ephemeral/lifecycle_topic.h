// The topic in which a tenant is told of his ephemeral sessions, written in the transactions that change them
// (TRG-142).
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "ephemeral/lifecycle_record.h"
#include "jammi/catalog_backend.h"
#include "jammi/result.h"
#include "jammi/scope.h"
#include "trigger/streams.h"

namespace jammi {

// One text column, `record`.
[[nodiscard]] std::shared_ptr<arrow::Schema> LifecycleSchema();

// Thread-safe.
class LifecycleTopic {
 public:
  // Both must outlive this.
  LifecycleTopic(CatalogBackend& backend, Streams& streams) : topics_(backend), streams_(streams) {}

  // The number of the tenant's topic, which is made if it is not there. Not from inside a body.
  // Errors: those of Streams::EnsureTopic().
  [[nodiscard]] Result<int64_t> Ensure(const Scope& tenant);

  // Adds the record to the transaction. No quota of the tenant's stands against it: what has ended must be
  // said.
  [[nodiscard]] static Result<void> Append(Transaction& tx, int64_t topic_no, const Scope& tenant,
                                           const SessionLifecycleRecord& record);

 private:
  TopicRepo topics_;
  Streams& streams_;
  std::mutex mutex_;
  std::map<Scope, int64_t> numbers_;  // guarded by mutex_
};

}  // namespace jammi
