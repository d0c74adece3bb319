// From batches to events in the log: checks, encodes, appends. What must happen after the commit is
// the log's listener's business.
#pragma once

#include <arrow/type_fwd.h>

#include <functional>
#include <memory>
#include <span>

#include "catalog/event_log.h"
#include "jammi/trigger.h"
#include "trigger/prepared_append.h"
#include "trigger/quotas.h"
#include "trigger/topic_entry.h"

namespace jammi {

// Whose events they are. Topics whose names IsEngineTopicName() are written by the engine alone, for the
// tenant; it may write what a user may as well.
enum class TopicWriter : uint8_t { kUser, kEngine };

// Thread-safe. Errors of all calls: as Session::Publish.
class Publisher {
 public:
  // Without `quotas` nobody is limited.
  Publisher(EventLog& log, int64_t max_batch_bytes, Quotas* quotas = nullptr)
      : log_(log), max_batch_bytes_(max_batch_bytes), quotas_(quotas) {}

  using Batches = std::span<const std::shared_ptr<arrow::RecordBatch>>;
  [[nodiscard]] Result<PublishOutcome> Publish(const TopicEntry& topic, const Scope& scope, Batches batches,
                                               const PublishOptions& options, Deadline deadline);

  using Done = std::move_only_function<void(Result<PublishOutcome>)>;
  void PublishAsync(const TopicEntry& topic, const Scope& scope, Batches batches,
                    const PublishOptions& options, Deadline deadline, Done done);

  // The checks and the admission of a publish; the events go in with a transaction of the caller's.
  [[nodiscard]] Result<PreparedAppend> PrepareAppend(const TopicEntry& topic, const Scope& scope,
                                                     Batches batches, const PublishOptions& options,
                                                     TopicWriter writer) const;

 private:
  // The tenant first, before any I/O: who may not publish learns nothing of the schema. Then the schema,
  // the size, the encoding. (TRG-031 has the schema first; docs/decisions has why we do not.)
  [[nodiscard]] Result<AppendRequest> Prepare(const TopicEntry& topic, const Scope& scope, Batches batches,
                                              const PublishOptions& options, TopicWriter writer) const;
  [[nodiscard]] Result<EventAppend> PrepareOne(const TopicEntry& topic, const Scope& scope,
                                               const arrow::RecordBatch* batch) const;
  [[nodiscard]] Result<Admission> Admit(const TopicEntry& topic, const AppendRequest& request) const;

  EventLog& log_;
  const int64_t max_batch_bytes_;
  Quotas* const quotas_;
};

}  // namespace jammi
