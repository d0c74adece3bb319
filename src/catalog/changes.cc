#include "catalog/changes.h"

#include <arrow/api.h>
#include <arrow/ipc/api.h>

#include <array>

#include "base/hash.h"
#include "catalog/change_payload.h"
#include "catalog/enum_text.h"
#include "catalog/read_rows.h"

namespace jammi {
namespace {

constexpr std::array<std::string_view, 4> kVerbTexts = {"registered", "updated", "deleted", "recovered"};

constexpr std::string_view kIsThere = "SELECT 1 AS found FROM topic_heads WHERE topic_no = $1";
constexpr std::string_view kInsertTopic =
    "INSERT INTO topics (topic_no, topic_id, scope, name, schema, created_at) "
    "VALUES ($1, $2, '', $3, $4, jammi_now()) ON CONFLICT DO NOTHING";
constexpr std::string_view kChangesInsertHead =
    "INSERT INTO topic_heads (topic_no) VALUES ($1) ON CONFLICT DO NOTHING";

}  // namespace

std::string_view ToString(ChangeVerb verb) { return TextOf(kVerbTexts, verb); }

std::shared_ptr<arrow::Schema> ChangesSchema() {
  static const auto schema =
      arrow::schema({arrow::field("kind", arrow::utf8(), false), arrow::field("verb", arrow::utf8(), false),
                     arrow::field("owner", arrow::utf8(), false), arrow::field("name", arrow::utf8(), false),
                     arrow::field("version", arrow::int64(), true)});
  return schema;
}

Result<std::shared_ptr<arrow::Buffer>> EncodeChange(const CatalogChange& change) {
  static const std::array templates = {ChangeTemplate::Make(false), ChangeTemplate::Make(true)};
  if (const auto& known = templates[change.version ? 1 : 0]) {
    if (auto payload = known->Fill(change)) return payload;
  }
  return WriteChange(change);
}

Result<void> RecordChange(Transaction& tx, const CatalogChange& change) {
  JAMMI_ASSIGN(auto payload, EncodeChange(change));
  const SqlBytes bytes(payload->data(), static_cast<size_t>(payload->size()));
  tx.Append(EventAppend{.topic_no = kChangesTopicNo,
                        .scope = change.owner,
                        .row_count = 1,
                        .checksum = Checksum(bytes),
                        .payload = std::move(payload)});
  return {};
}

Result<void> EnsureChangesTopic(CatalogBackend& backend) {
  JAMMI_ASSIGN(const auto found, backend.Transact({.read_only = true}, [&](Transaction& tx) {
    return tx.QueryFirst(kIsThere, {kChangesTopicNo}, ReadColumn<int64_t>("found"));
  }));
  if (found) return {};
  const auto schema = arrow::ipc::SerializeSchema(*ChangesSchema());
  if (!schema.ok()) return Error(ErrorCode::kResourceExhausted, schema.status().ToString());
  const SqlBytes bytes((*schema)->data(), static_cast<size_t>((*schema)->size()));
  return backend.RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute(kInsertTopic, {kChangesTopicNo, kChangesTopicId, kChangesTopicName, bytes}));
    JAMMI_TRY(tx.Execute(kChangesInsertHead, {kChangesTopicNo}));
    return {};
  });
}

}  // namespace jammi
