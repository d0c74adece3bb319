#include "ephemeral/lifecycle_topic.h"

#include <arrow/api.h>

#include "jammi/ephemeral.h"
#include "trigger/codec.h"

namespace jammi {
namespace {

// Beyond it all are looked up again.
constexpr size_t kMaxNumbers = 16384;
constexpr int64_t kMaxRecordBytes = 16 << 20;  // the names of all tables that one session can have

Result<std::shared_ptr<arrow::RecordBatch>> ToBatch(const SessionLifecycleRecord& record) {
  arrow::StringBuilder builder;
  std::shared_ptr<arrow::Array> column;
  auto status = builder.Append(ToJson(record));
  if (status.ok()) status = builder.Finish(&column);
  if (!status.ok()) return Error(ErrorCode::kResourceExhausted, status.ToString());
  return arrow::RecordBatch::Make(LifecycleSchema(), 1, {std::move(column)});
}

}  // namespace

std::shared_ptr<arrow::Schema> LifecycleSchema() {
  static const auto schema = arrow::schema({arrow::field("record", arrow::utf8(), false)});
  return schema;
}

Result<int64_t> LifecycleTopic::Ensure(const Scope& tenant) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = numbers_.find(tenant);
    if (known != numbers_.end()) return known->second;
  }
  JAMMI_ASSIGN(const Topic topic,
               streams_.EnsureTopic(tenant, kSessionLifecycleTopic, LifecycleSchema(), TopicWriter::kEngine));
  JAMMI_ASSIGN(const StoredTopic stored, topics_.FindAnyById(topic.id));
  const std::lock_guard lock(mutex_);
  if (numbers_.size() >= kMaxNumbers) numbers_.clear();
  numbers_[tenant] = stored.topic_no;
  return stored.topic_no;
}

Result<void> LifecycleTopic::Append(Transaction& tx, int64_t topic_no, const Scope& tenant,
                                    const SessionLifecycleRecord& record) {
  static const auto codec = EventCodec::Make(LifecycleSchema());
  if (!codec) return codec.error();
  JAMMI_ASSIGN(const auto batch, ToBatch(record));
  JAMMI_ASSIGN(auto encoded, codec->Encode(*batch, kMaxRecordBytes));
  tx.Append(EventAppend{.topic_no = topic_no,
                        .scope = tenant,
                        .row_count = 1,
                        .checksum = encoded.checksum,
                        .payload = std::move(encoded.payload)});
  return {};
}

}  // namespace jammi
