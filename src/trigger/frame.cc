#include "trigger/frame.h"

#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/util/byte_size.h>

namespace jammi {
namespace {

// The frame, its place in the ring, and what Arrow allocates for a decoded batch and each of its columns.
constexpr int64_t kFrameOverhead = 1024;
constexpr size_t kMaxSelections = 16;

}  // namespace

Frame::Frame(uint64_t offset, UnixMicros committed_at, Scope scope, int64_t row_count,
             std::shared_ptr<arrow::Buffer> payload)
    : offset_(offset),
      committed_at_(committed_at),
      scope_(std::move(scope)),
      row_count_(row_count),
      bytes_(payload->size() + kFrameOverhead),
      payload_(std::move(payload)) {}

Frame::Frame(uint64_t offset, UnixMicros committed_at, Scope scope, std::shared_ptr<arrow::RecordBatch> batch)
    : offset_(offset),
      committed_at_(committed_at),
      scope_(std::move(scope)),
      row_count_(batch->num_rows()),
      bytes_(arrow::util::TotalBufferSize(*batch) + kFrameOverhead),
      batch_(std::move(batch)) {
  std::call_once(decode_once_, [] {});
}

const Result<std::shared_ptr<arrow::RecordBatch>>& Frame::Batch(const EventCodec& codec) const {
  std::call_once(decode_once_, [&] { batch_ = codec.Decode(payload_, row_count_); });
  return batch_;
}

Result<std::shared_ptr<arrow::RecordBatch>> Frame::Select(const EventCodec& codec,
                                                          const SharedPredicate& predicate) const {
  const auto& batch = Batch(codec);
  if (!batch || predicate.predicate.matches_all()) return batch;

  const std::lock_guard lock(selections_mutex_);
  for (const auto& selection : selections_) {
    if (selection.predicate_id == predicate.id) return selection.rows;
  }
  JAMMI_ASSIGN(auto rows, SelectRows(*batch, predicate.predicate));
  const int64_t copied = rows == nullptr || rows == *batch ? 0 : rows->num_rows();
  if (selections_.size() < kMaxSelections && copied_rows_ + copied <= row_count_) {
    selections_.push_back({predicate.id, rows});
    copied_rows_ += copied;
  }
  return rows;
}

Result<std::shared_ptr<arrow::RecordBatch>> SelectRows(const std::shared_ptr<arrow::RecordBatch>& batch,
                                                       const Predicate& predicate) {
  if (predicate.matches_all()) return batch;
  if (batch->num_rows() == 0) return nullptr;
  return predicate.Filter(batch);
}

}  // namespace jammi
