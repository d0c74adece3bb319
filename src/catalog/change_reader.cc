#include "catalog/change_reader.h"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/api.h>

#include <algorithm>

#include "base/log.h"
#include "catalog/event_key.h"

namespace jammi {
namespace {

constexpr int64_t kPageEvents = 256;

constexpr std::string_view kChangeReaderHead =
    "SELECT next_offset, low_water FROM topic_heads WHERE topic_no = $1";
constexpr std::string_view kNextEvents =
    "SELECT event_key, payload FROM events WHERE event_key >= $1 AND event_key < $2 "
    "ORDER BY event_key LIMIT $3";

std::string TextAt(const arrow::RecordBatch& batch, int column) {
  return static_cast<const arrow::StringArray&>(*batch.column(column)).GetString(0);
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> Decode(SqlBytes payload) {
  arrow::io::BufferReader stream(
      std::make_shared<arrow::Buffer>(payload.data(), static_cast<int64_t>(payload.size())));
  const arrow::ipc::DictionaryMemo memo;
  ARROW_ASSIGN_OR_RAISE(
      auto batch,
      arrow::ipc::ReadRecordBatch(ChangesSchema(), &memo, arrow::ipc::IpcReadOptions::Defaults(), &stream));
  ARROW_RETURN_NOT_OK(batch->ValidateFull());
  if (batch->num_rows() != 1) return arrow::Status::Invalid("not one row");
  return batch;
}

std::optional<ReadChange> ReadPayload(SqlBytes payload) {
  const auto batch = Decode(payload);
  if (!batch.ok()) {
    Log(LogLevel::kWarning, "catalog: a change that cannot be understood: {}", batch.status().ToString());
    return std::nullopt;
  }
  const auto owner = Scope::FromKey(TextAt(**batch, 2));
  if (!owner) {
    Log(LogLevel::kWarning, "catalog: a change of an unknown owner: {}", owner.error().message());
    return std::nullopt;
  }
  ReadChange change{
      .kind = TextAt(**batch, 0), .verb = TextAt(**batch, 1), .owner = *owner, .name = TextAt(**batch, 3)};
  const auto& version = static_cast<const arrow::Int64Array&>(*(*batch)->column(4));
  if (version.IsValid(0)) change.version = version.Value(0);
  return change;
}

struct Head {
  int64_t next_offset = 0;
  int64_t low_water = 0;
};

Result<Head> ReadHead(Transaction& tx) {
  JAMMI_ASSIGN(const auto head,
               tx.QueryFirst(kChangeReaderHead, {kChangesTopicNo}, [](const Row& row) -> Result<Head> {
                 JAMMI_ASSIGN(const auto next_offset, row.Get<int64_t>("next_offset"));
                 JAMMI_ASSIGN(const auto low_water, row.Get<int64_t>("low_water"));
                 return Head{next_offset, low_water};
               }));
  if (head) return *head;
  return Error(ErrorCode::kDataLoss, "the catalog has lost the topic of its changes");
}

}  // namespace

Result<ChangeReader> ChangeReader::AtHead(CatalogBackend& backend) {
  ChangeReader reader(backend);
  JAMMI_ASSIGN(const Head head, backend.Transact({.read_only = true}, ReadHead));
  reader.next_offset_ = head.next_offset;
  return reader;
}

Result<std::vector<ReadChange>> ChangeReader::Next() {
  std::vector<ReadChange> changes;
  int64_t next = next_offset_;
  while (changes.empty()) {
    const int64_t before = next;
    JAMMI_TRY(backend_->RunTransaction({.read_only = true}, [&](Transaction& tx) -> Result<void> {
      changes.clear();
      next = before;
      JAMMI_ASSIGN(const Head head, ReadHead(tx));
      next = std::max(next, head.low_water);
      return tx.Query(
          kNextEvents,
          {EventKey(kChangesTopicNo, next), EventKey(kChangesTopicNo, head.next_offset), kPageEvents},
          [&](const Row& row) -> Result<bool> {
            JAMMI_ASSIGN(const auto key, row.Get<int64_t>("event_key"));
            JAMMI_ASSIGN(const auto payload, row.Get<SqlBytes>("payload"));
            next = key - EventKey(kChangesTopicNo, 0) + 1;
            if (auto change = ReadPayload(payload)) changes.push_back(std::move(*change));
            return true;
          });
    }));
    next_offset_ = next;
    if (next == before) break;
  }
  return changes;
}

}  // namespace jammi
