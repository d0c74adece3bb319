#include "trigger/codec.h"

#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/buffer.h>
#include <arrow/builder.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/message.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <deque>
#include <limits>
#include <mutex>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/invalid.h"
#include "trigger/ipc_header.h"

namespace jammi {
namespace {

constexpr int kAlignment = 64;

arrow::ipc::IpcWriteOptions WriteOptions() {
  auto options = arrow::ipc::IpcWriteOptions::Defaults();
  options.alignment = kAlignment;
  options.use_threads = false;
  options.metadata_version = arrow::ipc::MetadataVersion::V5;
  return options;
}

arrow::ipc::IpcReadOptions IpcReadOptions() {
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.use_threads = false;
  return options;
}

Error Damaged(std::string_view what) {
  return Error(ErrorCode::kDataLoss, fmt::format("stored event is damaged: {}", what));
}

bool IsView(const arrow::DataType& type) {
  return arrow::is_binary_view_like(type) || arrow::is_list_view(type);
}
bool IsDictionary(const arrow::DataType& type) { return type.id() == arrow::Type::DICTIONARY; }

// Is there a type like that in `type`, at any level above dictionaries?
bool Contains(const arrow::DataType& type, bool (*like)(const arrow::DataType&)) {
  return like(type) || std::ranges::any_of(type.fields(),
                                           [&](const auto& child) { return Contains(*child->type(), like); });
}

// IPC writes all that views could point at, whatever they do point at. Copied one by one they bring only
// what they show.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> CopyViews(const arrow::RecordBatch& batch,
                                                             const std::vector<int>& view_columns) {
  auto columns = batch.columns();
  for (const int i : view_columns) {
    if (i >= batch.num_columns()) break;
    ARROW_ASSIGN_OR_RAISE(auto builder, arrow::MakeBuilderExactIndex(columns[i]->type()));
    ARROW_RETURN_NOT_OK(builder->AppendArraySlice(*columns[i]->data(), 0, batch.num_rows()));
    ARROW_ASSIGN_OR_RAISE(columns[i], builder->Finish());
  }
  return arrow::RecordBatch::Make(batch.schema(), batch.num_rows(), std::move(columns));
}

Result<void> CheckNulls(const arrow::RecordBatch& batch) {
  for (int i = 0; i < batch.num_columns(); ++i) {
    const auto& field = *batch.schema()->field(i);
    const int64_t nulls = field.nullable() ? 0 : batch.column(i)->null_count();
    if (nulls > 0)
      return Invalid(fmt::format("column '{}' may not be null, and {} of its rows are", field.name(), nulls));
  }
  return {};
}

// The nodes that a column of this type has in a batch message: its own, and its children's. What a
// dictionary holds is in a message of its own.
int64_t CountNodes(const arrow::DataType& type) {
  int64_t nodes = 1;
  if (IsDictionary(type)) return nodes;
  for (const auto& child : type.fields()) nodes += CountNodes(*child->type());
  return nodes;
}

std::shared_ptr<arrow::Schema> FirstColumns(const arrow::Schema& schema, int columns) {
  const auto& fields = schema.fields();
  return arrow::schema(arrow::FieldVector(fields.begin(), fields.begin() + columns));
}

// The messages of `batch`, in the order in which they are written.
arrow::Result<std::vector<arrow::ipc::IpcPayload>> Messages(const arrow::RecordBatch& batch,
                                                            bool dictionaries,
                                                            const arrow::ipc::IpcWriteOptions& options) {
  std::vector<arrow::ipc::IpcPayload> messages;
  if (dictionaries) {
    const arrow::ipc::DictionaryFieldMapper mapper(*batch.schema());
    ARROW_ASSIGN_OR_RAISE(const auto found, arrow::ipc::CollectDictionaries(batch, mapper));
    for (const auto& [id, dictionary] : found) {
      ARROW_RETURN_NOT_OK(
          arrow::ipc::GetDictionaryPayload(id, dictionary, options, &messages.emplace_back()));
    }
  }
  ARROW_RETURN_NOT_OK(arrow::ipc::GetRecordBatchPayload(batch, options, &messages.emplace_back()));
  return messages;
}

arrow::Result<std::shared_ptr<arrow::Buffer>> Write(const std::vector<arrow::ipc::IpcPayload>& messages,
                                                    int64_t size,
                                                    const arrow::ipc::IpcWriteOptions& options) {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer, arrow::AllocateBuffer(size));
  arrow::io::FixedSizeBufferWriter out(buffer);
  for (const auto& message : messages) {
    int32_t metadata_length = 0;
    ARROW_RETURN_NOT_OK(arrow::ipc::WriteIpcPayload(message, options, &out, &metadata_length));
  }
  return buffer;
}

using Messages_ = std::deque<std::unique_ptr<arrow::ipc::Message>>;

// Hands Arrow's stream reader messages that are in memory already.
class QueuedMessages final : public arrow::ipc::MessageReader {
 public:
  explicit QueuedMessages(Messages_ messages) : messages_(std::move(messages)) {}
  arrow::Result<std::unique_ptr<arrow::ipc::Message>> ReadNextMessage() override {
    if (messages_.empty()) return nullptr;
    auto next = std::move(messages_.front());
    messages_.pop_front();
    return next;
  }

 private:
  Messages_ messages_;
};

Result<Messages_> Split(const std::shared_ptr<arrow::Buffer>& payload) {
  Messages_ messages;
  for (int64_t at = 0; at < payload->size();) {
    auto message = NextMessage(payload, &at);
    if (!message.ok()) return Damaged(message.status().message());
    messages.push_back(std::move(message).ValueUnsafe());
  }
  if (messages.empty()) return Damaged("it is empty");
  return messages;
}

// With dictionaries, through the stream reader: only it knows how to put nested ones together.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> ReadWithDictionaries(
    Messages_ messages, const std::shared_ptr<arrow::Buffer>& schema_message) {
  arrow::io::BufferReader schema_stream(schema_message);
  ARROW_ASSIGN_OR_RAISE(auto schema, arrow::ipc::ReadMessage(&schema_stream));
  messages.push_front(std::move(schema));
  ARROW_ASSIGN_OR_RAISE(auto reader,
                        arrow::ipc::RecordBatchStreamReader::Open(
                            std::make_unique<QueuedMessages>(std::move(messages)), IpcReadOptions()));
  return reader->Next();
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> ReadPlain(const Messages_& messages,
                                                             const std::shared_ptr<arrow::Schema>& schema) {
  if (messages.size() != 1) return arrow::Status::Invalid("more than one message");
  return arrow::ipc::ReadRecordBatch(*messages.front(), schema, nullptr, IpcReadOptions());
}

// Those of columns that this version does not have. Columns are numbered from the left, and so are
// dictionaries.
void LeaveOutDictionaries(Messages_& messages, int64_t from_id) {
  std::erase_if(messages, [&](const auto& message) {
    const auto id = DictionaryId(*message->metadata());
    return id && *id >= from_id;
  });
}

}  // namespace

Result<std::string> EncodeSchema(const arrow::Schema& schema) {
  auto bytes = arrow::ipc::SerializeSchema(schema);
  if (!bytes.ok())
    return Invalid(fmt::format("the topic's schema cannot be stored: {}", bytes.status().message()));
  return (*bytes)->ToString();
}

Result<std::shared_ptr<arrow::Schema>> DecodeSchema(std::string_view bytes) {
  arrow::io::BufferReader stream(std::make_shared<arrow::Buffer>(bytes));
  arrow::ipc::DictionaryMemo dictionaries;
  auto schema = arrow::ipc::ReadSchema(&stream, &dictionaries);
  if (!schema.ok()) {
    return Error(ErrorCode::kDataLoss,
                 fmt::format("stored schema is damaged: {}", schema.status().message()));
  }
  return std::move(schema).ValueUnsafe();
}

// --- One version of the schema ------------------------------------------------------------------------

// Of the earlier ones most are never needed: what reading takes is made by whoever reads first.
class EventCodec::Version {
 public:
  // `newest` outlives it.
  Version(const std::shared_ptr<arrow::Schema>& newest, int columns, int64_t nodes)
      : newest_(newest), columns_(columns), nodes_(nodes) {}

  [[nodiscard]] int columns() const { return columns_; }
  [[nodiscard]] int64_t nodes() const { return nodes_; }
  [[nodiscard]] int64_t dictionaries() const { return Prepared().dictionaries; }

  [[nodiscard]] arrow::Result<std::shared_ptr<arrow::RecordBatch>> Read(Messages_ messages) const {
    const auto& reader = Prepared();
    if (reader.dictionaries == 0) return ReadPlain(messages, reader.schema);
    ARROW_ASSIGN_OR_RAISE(const auto schema_message, reader.schema_message);
    return ReadWithDictionaries(std::move(messages), schema_message);
  }

 private:
  struct Reader {
    std::shared_ptr<arrow::Schema> schema;
    arrow::Result<std::shared_ptr<arrow::Buffer>> schema_message;
    int64_t dictionaries = 0;
  };
  const Reader& Prepared() const {
    std::call_once(once_, [this] {
      reader_.schema = columns_ == newest_->num_fields() ? newest_ : FirstColumns(*newest_, columns_);
      reader_.schema_message = arrow::ipc::SerializeSchema(*reader_.schema);
      reader_.dictionaries = arrow::ipc::DictionaryFieldMapper(*reader_.schema).num_dicts();
    });
    return reader_;
  }

  const std::shared_ptr<arrow::Schema>& newest_;
  const int columns_;
  const int64_t nodes_;
  mutable std::once_flag once_;
  mutable Reader reader_;
};

// --- Columns that an event does not have ---------------------------------------------------------------

// One array of nulls for each appended column, as long as the longest event that needed it, and slices of it
// for all: whatever a version adds to an event of an earlier one, it adds no memory for each.
class EventCodec::Nulls {
 public:
  Nulls(const arrow::Schema& schema, int first) : schema_(schema), first_(first) {}

  [[nodiscard]] arrow::Result<std::shared_ptr<arrow::Array>> Column(int column, int64_t rows) {
    const std::lock_guard lock(mutex_);
    arrays_.resize(static_cast<size_t>(schema_.num_fields() - first_));
    auto& array = arrays_[static_cast<size_t>(column - first_)];
    if (array == nullptr || array->length() < rows) {
      const auto length = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(rows)));
      ARROW_ASSIGN_OR_RAISE(array, arrow::MakeArrayOfNull(schema_.field(column)->type(), length));
    }
    return array->Slice(0, rows);
  }

 private:
  const arrow::Schema& schema_;
  const int first_;
  std::mutex mutex_;
  arrow::ArrayVector arrays_;
};

struct EventCodec::State {
  explicit State(std::shared_ptr<arrow::Schema> of, int first_columns)
      : schema(std::move(of)), nulls(*schema, first_columns) {
    for (int i = 0; i < schema->num_fields(); ++i) {
      const auto& type = *schema->field(i)->type();
      const bool with_dictionaries = Contains(type, IsDictionary);
      has_dictionaries = has_dictionaries || with_dictionaries;
      // Copying would renumber a dictionary.
      if (!with_dictionaries && Contains(type, IsView)) view_columns.push_back(i);
    }
  }

  const std::shared_ptr<arrow::Schema> schema;
  std::deque<Version> versions;  // ascending; the last is schema's own
  bool has_dictionaries = false;
  std::vector<int> view_columns;  // with a view type inside, and no dictionary
  mutable Nulls nulls;
};

Result<EventCodec> EventCodec::Make(std::shared_ptr<arrow::Schema> schema,
                                    std::span<const int64_t> earlier_columns) {
  JAMMI_TRY(EncodeSchema(*schema));
  const int columns = schema->num_fields();
  const auto first = earlier_columns.empty() ? columns : static_cast<int>(earlier_columns.front());
  auto state = std::make_shared<State>(std::move(schema), first);
  auto next = earlier_columns.begin();
  int64_t nodes = 0;
  for (int i = 0; i < columns; ++i) {
    if (i > 0 && next != earlier_columns.end() && *next == i) {
      state->versions.emplace_back(state->schema, i, nodes);
      ++next;
    }
    nodes += CountNodes(*state->schema->field(i)->type());
  }
  if (next != earlier_columns.end()) {
    return Error(ErrorCode::kDataLoss,
                 fmt::format("stored schema is damaged: it has {} columns, and an earlier version had {}",
                             columns, *next));
  }
  state->versions.emplace_back(state->schema, columns, nodes);
  return EventCodec(std::move(state));
}

EventCodec::EventCodec(std::shared_ptr<const State> state) : state_(std::move(state)) {}

const std::shared_ptr<arrow::Schema>& EventCodec::schema() const { return state_->schema; }
int EventCodec::columns() const { return state_->schema->num_fields(); }
size_t EventCodec::versions() const { return state_->versions.size(); }
const EventCodec::Version& EventCodec::newest() const { return state_->versions.back(); }

bool EventCodec::HasVersion(int columns) const {
  return std::ranges::find(state_->versions, columns, &Version::columns) != state_->versions.end();
}

// --- Encode, decode -------------------------------------------------------------------------------------

Result<EventCodec::Encoded> EventCodec::Encode(const arrow::RecordBatch& batch, int64_t max_bytes) const {
  if (const auto valid = batch.ValidateFull(); !valid.ok()) {
    return Invalid(fmt::format("the batch is not valid Arrow data: {}", valid.message()));
  }
  JAMMI_TRY(CheckNulls(batch));
  JAMMI_ASSIGN(auto payload, Serialize(batch, max_bytes));
  const uint64_t checksum = Checksum({payload->data(), static_cast<size_t>(payload->size())});
  return Encoded{std::move(payload), checksum};
}

Result<std::shared_ptr<arrow::Buffer>> EventCodec::Serialize(const arrow::RecordBatch& batch) const {
  return Serialize(batch, std::numeric_limits<int64_t>::max());
}

Result<std::shared_ptr<arrow::Buffer>> EventCodec::Serialize(const arrow::RecordBatch& batch,
                                                             int64_t max_bytes) const {
  const auto shown = CopyViews(batch, state_->view_columns);
  if (!shown.ok()) return Invalid(fmt::format("the batch cannot be encoded: {}", shown.status().message()));
  const auto options = WriteOptions();
  const auto messages = Messages(**shown, state_->has_dictionaries, options);
  if (!messages.ok())
    return Invalid(fmt::format("the batch cannot be encoded: {}", messages.status().message()));
  int64_t size = 0;
  for (const auto& message : *messages) size += arrow::ipc::GetPayloadSize(message, options);
  if (size > max_bytes) {
    return Invalid(
        fmt::format("the batch takes {} bytes encoded, more than the limit of {}", size, max_bytes));
  }
  auto payload = Write(*messages, size, options);
  if (!payload.ok()) {
    return Error(ErrorCode::kResourceExhausted,
                 fmt::format("no memory for an event of {} bytes: {}", size, payload.status().message()));
  }
  return std::move(payload).ValueUnsafe();
}

Result<std::shared_ptr<arrow::RecordBatch>> EventCodec::Decode(const std::shared_ptr<arrow::Buffer>& payload,
                                                               int64_t row_count, bool* as_stored) const {
  JAMMI_ASSIGN(auto messages, Split(payload));
  const auto nodes = FieldNodes(*messages.back()->metadata());
  if (!nodes) return Damaged("no record batch at its end");
  const Version* version = &newest();
  if (as_stored != nullptr) *as_stored = *nodes == version->nodes();
  if (*nodes < version->nodes()) {
    const auto found = std::ranges::lower_bound(state_->versions, *nodes, {}, &Version::nodes);
    version = &*found;
    if (version->nodes() != *nodes) return Damaged("no version of the schema has its columns");
  } else if (*nodes > version->nodes()) {
    LeaveOutDictionaries(messages, version->dictionaries());
  }
  auto read = version->Read(std::move(messages));
  if (!read.ok()) return Damaged(read.status().message());
  auto batch = std::move(read).ValueUnsafe();
  if (batch == nullptr) return Damaged("no record batch in it");
  if (batch->num_rows() != row_count) {
    return Damaged(fmt::format("{} rows instead of {}", batch->num_rows(), row_count));
  }
  // The messages' own checks end at the buffers' bounds; offsets, views and indices point inside them.
  if (const auto valid = batch->ValidateFull(); !valid.ok()) return Damaged(valid.message());
  return Fit(batch);
}

bool EventCodec::IsPlainlyStored(const arrow::Buffer& payload) const {
  if (state_->has_dictionaries) return false;
  const auto size = MetadataSize(payload, 0);
  if (!size.ok()) return false;
  const arrow::Buffer metadata(payload.data() + kMessagePrefixBytes, *size);
  return FieldNodes(metadata) == newest().nodes();
}

Result<std::shared_ptr<arrow::RecordBatch>> EventCodec::Fit(
    const std::shared_ptr<arrow::RecordBatch>& batch) const {
  const int have = batch->num_columns();
  const int want = columns();
  if (have == want) return batch;
  auto shown = batch->columns();
  if (have > want) shown.resize(static_cast<size_t>(want));
  for (int i = have; i < want; ++i) {
    auto nulls = state_->nulls.Column(i, batch->num_rows());
    if (!nulls.ok()) {
      return Error(ErrorCode::kResourceExhausted,
                   fmt::format("no memory for {} nulls of column '{}': {}", batch->num_rows(),
                               schema()->field(i)->name(), nulls.status().message()));
    }
    shown.push_back(std::move(nulls).ValueUnsafe());
  }
  return arrow::RecordBatch::Make(schema(), batch->num_rows(), std::move(shown));
}

}  // namespace jammi
