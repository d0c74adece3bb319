// What those need who publish inside a catalog transaction of their own.
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include <utility>

#include "base/sync_point.h"
#include "catalog/run_again.h"
#include "trigger/streams.h"
#include "trigger/topic_schema.h"

namespace jammi {
namespace {

Error SchemaConflict(const Topic& topic, const arrow::Schema& wanted) {
  std::string detail = fmt::format("it has the columns [{}], and [{}] are asked for",
                                   topic.schema->ToString(), wanted.ToString());
  return Error(ErrorCode::kFailedPrecondition,
               fmt::format("topic '{}' is there with another schema: {}", topic.name, detail),
               SchemaConflictDetail{topic.name, std::move(detail)});
}

}  // namespace

Result<StoredTopic> Streams::FindOwn(const Scope& scope, std::string_view name) {
  auto stored = repo_.FindByName(scope, name);
  if (stored && stored->owner != scope) return TopicNotFound(name);
  return stored;
}

Result<Topic> Streams::EnsureTopic(const Scope& scope, std::string_view name,
                                   const std::shared_ptr<arrow::Schema>& schema, TopicWriter writer) {
  const Pass pass(gate_);
  if (!pass) return Closed();
  JAMMI_ASSIGN(const auto prepared, PrepareTopicSchema(schema));
  JAMMI_ASSIGN(const auto bytes, EncodeSchema(*prepared));
  for (int run = 1;; ++run) {
    auto stored = FindOwn(scope, name);
    const bool found = stored.has_value();
    if (!found && stored.error().code() != ErrorCode::kNotFound) return std::move(stored).error();
    JAMMI_SYNC_POINT("Streams::EnsureTopic looked");
    if (!found) {
      stored = writer == TopicWriter::kEngine
                   ? repo_.RegisterEngines(scope, name, bytes)
                   : repo_.Register(scope, name, bytes, {}, {}, quotas_.MaxTopics(scope));
      // Another has been quicker: his is looked at, unless it is gone again.
      if (!stored && stored.error().code() == ErrorCode::kAlreadyExists && run < kMaxRuns) continue;
    }
    if (!stored) return std::move(stored).error();
    JAMMI_ASSIGN(auto topic, Describe(std::move(*stored)));
    if (!topic.schema->Equals(*prepared)) return SchemaConflict(topic, *prepared);
    if (!found && outbox_ != nullptr) {
      JAMMI_ASSIGN(const auto entry, Resolve(topic.id));
      outbox_->Register(entry);
    }
    return topic;
  }
}

Result<PreparedAppend> Streams::PrepareAppend(const Scope& scope, const TopicId& topic,
                                              Publisher::Batches batches, const PublishOptions& options,
                                              TopicWriter writer) {
  const Pass pass(gate_);
  if (!pass) return Closed();
  JAMMI_ASSIGN(const auto entry, PrepareToPublish(scope, topic, batches));
  return publisher_.PrepareAppend(*entry, scope, batches, options, writer);
}

}  // namespace jammi
