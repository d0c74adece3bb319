#include "trigger/publisher.h"

#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <fmt/format.h>

#include "catalog/changes.h"
#include "catalog/producer_keys.h"
#include "catalog/topic_repo.h"
#include "trigger/topic_schema.h"

namespace jammi {
namespace {

std::string OrNone(const Scope& scope) { return scope.is_global() ? "none" : scope.Key(); }

// TRG-033, TRG-034: a tenant's topic takes that tenant's events only; a global one takes everybody's,
// unless it is the engine's own. Changes of the catalog are nobody's to publish: they are recorded.
Result<void> CheckTenant(const TopicEntry& entry, const Scope& scope, TopicWriter writer) {
  const Topic& topic = entry.topic;
  const bool engines = writer == TopicWriter::kUser && IsEngineTopicName(topic.name);
  if (engines || entry.topic_no == kChangesTopicNo) {
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

Error Refused(const TopicEntry& topic, Error error) {
  return std::move(error).While(fmt::format("publish to topic '{}'", topic.topic.name));
}

Result<void> CheckCount(size_t batches) {
  if (batches == 0) return Error(ErrorCode::kInvalidArgument, "there is no batch to publish");
  if (batches <= kMaxPublishBatches) return {};
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("{} batches in one publish, more than {}", batches, kMaxPublishBatches));
}

Result<PublishOutcome> ToOutcome(const TopicId& topic, Result<AppendOutcome> outcome) {
  if (outcome) return PublishOutcome{{outcome->offset, outcome->committed_at}, outcome->duplicate};
  // Without a head there is no topic: it was dropped after we had looked it up.
  if (outcome.error().code() == ErrorCode::kNotFound) return TopicNotFound(topic.ToString());
  return std::move(outcome).error();
}

}  // namespace

Result<EventAppend> Publisher::PrepareOne(const TopicEntry& topic, const Scope& scope,
                                          const arrow::RecordBatch* batch) const {
  if (batch == nullptr) return Error(ErrorCode::kInvalidArgument, "there is no batch to publish");
  JAMMI_TRY(CheckBatchSchema(topic.topic.name, topic.codec, *batch->schema()));
  auto encoded = topic.codec.Encode(*batch, max_batch_bytes_);
  if (!encoded) return Refused(topic, std::move(encoded).error());
  return EventAppend{.topic_no = topic.topic_no,
                     .scope = scope,
                     .row_count = batch->num_rows(),
                     .checksum = encoded->checksum,
                     .payload = std::move(encoded->payload)};
}

Result<AppendRequest> Publisher::Prepare(const TopicEntry& topic, const Scope& scope, Batches batches,
                                         const PublishOptions& options, TopicWriter writer) const {
  JAMMI_TRY(CheckTenant(topic, scope, writer));
  JAMMI_TRY(CheckCount(batches.size()));
  if (!options.producer_key.empty()) JAMMI_TRY(CheckProducerKey(options.producer_key));
  AppendRequest request;
  request.events.reserve(batches.size());
  request.producer_key = options.producer_key;
  int64_t bytes = 0;
  for (size_t i = 0; i < batches.size(); ++i) {
    auto event = PrepareOne(topic, scope, batches[i].get());
    if (!event && batches.size() == 1) return std::move(event).error();
    if (!event) return std::move(event).error().While(fmt::format("batch {}", i));
    bytes += event->payload->size();
    if (i > 0 && bytes > kMaxPublishBytes) {
      return Refused(topic,
                     Error(ErrorCode::kInvalidArgument,
                           fmt::format("batch {}: with it the batches take more than {} bytes together", i,
                                       kMaxPublishBytes)));
    }
    request.events.push_back(std::move(*event));
  }
  return request;
}

Result<Admission> Publisher::Admit(const TopicEntry& topic, const AppendRequest& request) const {
  if (quotas_ == nullptr) return Admission();
  int64_t bytes = 0;
  for (const EventAppend& event : request.events) bytes += event.payload->size();
  return quotas_->Admit(request.events.front().scope, topic.topic.owner,
                        static_cast<int64_t>(request.events.size()), bytes);
}

Result<PublishOutcome> Publisher::Publish(const TopicEntry& topic, const Scope& scope, Batches batches,
                                          const PublishOptions& options, Deadline deadline) {
  JAMMI_ASSIGN(auto request, Prepare(topic, scope, batches, options, TopicWriter::kUser));
  JAMMI_ASSIGN(auto admission, Admit(topic, request));
  auto outcome = log_.Append(std::move(request), deadline);
  admission.Settle(outcome);
  return ToOutcome(topic.topic.id, std::move(outcome));
}

Result<PreparedAppend> Publisher::PrepareAppend(const TopicEntry& topic, const Scope& scope, Batches batches,
                                                const PublishOptions& options, TopicWriter writer) const {
  JAMMI_ASSIGN(auto request, Prepare(topic, scope, batches, options, writer));
  JAMMI_ASSIGN(auto admission, Admit(topic, request));
  return PreparedAppend(std::move(request), std::move(admission));
}

void Publisher::PublishAsync(const TopicEntry& topic, const Scope& scope, Batches batches,
                             const PublishOptions& options, Deadline deadline, Done done) {
  auto request = Prepare(topic, scope, batches, options, TopicWriter::kUser);
  if (!request) return done(std::move(request).error());
  auto admission = Admit(topic, *request);
  if (!admission) return done(std::move(admission).error());
  log_.AppendAsync(std::move(*request), deadline,
                   [id = topic.topic.id, admission = std::move(*admission),
                    done = std::move(done)](Result<AppendOutcome> outcome) mutable {
                     admission.Settle(outcome);
                     done(ToOutcome(id, std::move(outcome)));
                   });
}

}  // namespace jammi
