#include "rows/arrow_reader.h"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/invalid.h"
#include "rows/fit.h"

namespace jammi {
namespace {

constexpr std::string_view kFileMagic = "ARROW1";

}  // namespace

class ArrowReader::Listener final : public arrow::ipc::Listener {
 public:
  arrow::Status OnRecordBatchDecoded(std::shared_ptr<arrow::RecordBatch> batch) override {
    batches.push_back(std::move(batch));
    return arrow::Status::OK();
  }
  arrow::Status OnEOS() override {
    ended = true;
    return arrow::Status::OK();
  }

  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  bool ended = false;
};

struct ArrowReader::Stream {
  std::shared_ptr<Listener> listener = std::make_shared<Listener>();
  arrow::ipc::StreamDecoder decoder{listener};
};

ArrowReader::ArrowReader(std::shared_ptr<arrow::Schema> schema, int64_t rows_per_batch)
    : schema_(std::move(schema)), rows_per_batch_(rows_per_batch), stream_(std::make_unique<Stream>()) {}
ArrowReader::~ArrowReader() = default;

Result<void> ArrowReader::Feed(std::string_view bytes) {
  if (kind_ == Kind::kStream) return Consume(bytes);
  kept_ += bytes;
  if (kind_ == Kind::kFile || kept_.size() < kFileMagic.size()) return {};
  kind_ = kept_.starts_with(kFileMagic) ? Kind::kFile : Kind::kStream;
  if (kind_ == Kind::kFile) return {};
  return Consume(std::exchange(kept_, {}));
}

// Never more than the decoder waits for, so that it is known what is left behind the end.
Result<void> ArrowReader::Consume(std::string_view bytes) {
  Listener& listener = *stream_->listener;
  while (!bytes.empty()) {
    if (listener.ended) return Invalid("there is more behind the end of the Arrow IPC stream");
    const auto piece = bytes.substr(0, std::max<int64_t>(1, stream_->decoder.next_required_size()));
    bytes.remove_prefix(piece.size());
    const auto taken =
        stream_->decoder.Consume(arrow::Buffer::FromString(std::string(piece)));  // it keeps it
    for (const auto& batch : std::exchange(listener.batches, {})) JAMMI_TRY(Add(batch));
    if (!taken.ok()) return Invalid(fmt::format("this is no Arrow IPC stream: {}", taken.message()));
  }
  return {};
}

Result<void> ArrowReader::End() {
  if (kind_ == Kind::kFile) return ReadFile();
  if (kind_ == Kind::kUnknown && kept_.empty()) return Invalid("the input is empty, and no Arrow IPC stream");
  if (!kept_.empty()) return Invalid("this is no Arrow IPC stream: it ends after a few bytes");
  if (!stream_->listener->ended) return Invalid("the Arrow IPC stream is cut off: its end mark is not there");
  return {};
}

Result<void> ArrowReader::ReadFile() {
  const auto file = std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(std::move(kept_)));
  const auto reader = arrow::ipc::RecordBatchFileReader::Open(file);
  if (!reader.ok()) return Invalid(fmt::format("this is no Arrow IPC file: {}", reader.status().message()));
  for (int i = 0; i < (*reader)->num_record_batches(); ++i) {
    const auto batch = (*reader)->ReadRecordBatch(i);
    if (!batch.ok()) return Invalid(fmt::format("batch {}: {}", i + 1, batch.status().message()));
    JAMMI_TRY(Add(*batch));
  }
  return {};
}

Result<void> ArrowReader::Add(const std::shared_ptr<arrow::RecordBatch>& batch) {
  const auto where = fmt::format("batch {}", ++batches_);
  if (const auto valid = batch->ValidateFull(); !valid.ok())
    return Invalid(fmt::format("{}: {}", where, valid.message()));
  auto fitted = FitBatch(*batch, schema_);
  if (!fitted) return std::move(fitted).error().While(where);
  const int64_t rows = (*fitted)->num_rows();
  const int64_t step = rows_per_batch_ == 0 ? rows : rows_per_batch_;
  for (int64_t row = 0; row < rows; row += step)
    ready_.push_back((*fitted)->Slice(row, std::min(step, rows - row)));
  return {};
}

}  // namespace jammi
