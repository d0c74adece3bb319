#include "trigger/publisher.h"

#include <arrow/record_batch.h>
#include <fmt/format.h>

#include "catalog/changes.h"
#include "trigger/topic_schema.h"

namespace jammi {
namespace {

std::string OrNone(const Scope& scope) { return scope.is_global() ? "none" : scope.Key(); }

// TRG-033, TRG-034: a tenant's topic takes that tenant's events only; a global one takes everybody's,
// unless it is the engine's own.
Result<void> CheckTenant(const TopicEntry& entry, const Scope& scope) {
  const Topic& topic = entry.topic;
  if (entry.topic_no == kChangesTopicNo) {
    return Error(ErrorCode::kPermissionDenied,
                 fmt::format("topic '{}' is written by the engine alone", topic.name));
  }
  if (topic.owner.is_global() || topic.owner == scope) return {};
  return Error(
      ErrorCode::kPermissionDenied,
      fmt::format("publish tenant mismatch on topic '{}': topic is pinned to {}, publish was scoped to {}",
                  topic.name, OrNone(topic.owner), OrNone(scope)),
      PublishTenantMismatchDetail{topic.name, topic.owner.Key(), scope.Key()});
}

Result<Offset> ToOffset(const TopicId& topic, Result<AppendOutcome> outcome) {
  if (outcome) return Offset{outcome->offset, outcome->committed_at};
  // Without a head there is no topic: it was dropped after we had looked it up.
  if (outcome.error().code() == ErrorCode::kNotFound) return TopicNotFound(topic.ToString());
  return std::move(outcome).error();
}

}  // namespace

Result<EventAppend> Publisher::Prepare(const TopicEntry& topic, const Scope& scope,
                                       const arrow::RecordBatch& batch) const {
  JAMMI_TRY(CheckTenant(topic, scope));
  JAMMI_TRY(CheckBatchSchema(topic.topic.name, topic.codec, *batch.schema()));
  auto encoded = topic.codec.Encode(batch, max_batch_bytes_);
  if (!encoded)
    return std::move(encoded).error().While(fmt::format("publish to topic '{}'", topic.topic.name));
  return EventAppend{.topic_no = topic.topic_no,
                     .scope = scope,
                     .row_count = batch.num_rows(),
                     .checksum = encoded->checksum,
                     .payload = std::move(encoded->payload)};
}

Result<Offset> Publisher::Publish(const TopicEntry& topic, const Scope& scope,
                                  const arrow::RecordBatch& batch, Deadline deadline) {
  JAMMI_ASSIGN(auto event, Prepare(topic, scope, batch));
  return ToOffset(topic.topic.id, log_.Append(std::move(event), deadline));
}

void Publisher::PublishAsync(const TopicEntry& topic, const Scope& scope, const arrow::RecordBatch& batch,
                             Deadline deadline, Done done) {
  auto event = Prepare(topic, scope, batch);
  if (!event) return done(std::move(event).error());
  log_.AppendAsync(std::move(*event), deadline,
                   [id = topic.topic.id, done = std::move(done)](Result<AppendOutcome> outcome) mutable {
                     done(ToOffset(id, std::move(outcome)));
                   });
}

}  // namespace jammi
