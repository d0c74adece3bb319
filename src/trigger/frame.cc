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
      batch_(std::move(batch)) {}

Frame::View& Frame::ViewOf(const EventCodec& codec) const {
  const int columns = codec.columns();
  int first = 0;
  if (first_columns_.compare_exchange_strong(first, columns) || first == columns) return first_view_;
  const std::lock_guard lock(views_mutex_);
  return other_views_[columns];
}

Result<std::shared_ptr<arrow::RecordBatch>> Frame::Read(const EventCodec& codec) const {
  return batch_ == nullptr ? codec.Decode(payload_, row_count_) : codec.Fit(batch_);
}

Result<std::shared_ptr<arrow::RecordBatch>> Frame::Select(const EventCodec& codec,
                                                          const SharedPredicate& predicate) const {
  View& view = ViewOf(codec);
  std::call_once(view.once, [&] { view.batch = Read(codec); });
  const auto& batch = view.batch;
  if (!batch || predicate.predicate.matches_all()) return batch;

  const std::lock_guard lock(view.mutex);
  for (const auto& selection : view.selections) {
    if (selection.predicate_id == predicate.id) return selection.rows;
  }
  JAMMI_ASSIGN(auto rows, SelectRows(*batch, predicate.predicate));
  const int64_t copied = rows == nullptr || rows == *batch ? 0 : rows->num_rows();
  if (view.selections.size() < kMaxSelections && view.copied_rows + copied <= row_count_) {
    view.selections.push_back({predicate.id, rows});
    view.copied_rows += copied;
  }
  return rows;
}

Result<std::shared_ptr<arrow::RecordBatch>> SelectRows(const std::shared_ptr<arrow::RecordBatch>& batch,
                                                       const Predicate& predicate) {
  if (predicate.matches_all()) return batch;
  if (batch->num_rows() == 0) return nullptr;
  return predicate.Filter(batch);
}

Result<Delivery> LookAt(const LogEvent& event, const Scope& reader, const EventCodec& codec,
                        const Predicate& predicate) {
  Delivery delivery{
      .offset = event.offset, .produced_at = event.committed_at, .tenant = event.scope.tenant()};
  if (event.payload == nullptr || !reader.Sees(event.scope)) return delivery;
  JAMMI_ASSIGN(const auto batch, codec.Decode(event.payload, event.row_count));
  JAMMI_ASSIGN(delivery.batch, SelectRows(batch, predicate));
  return delivery;
}

}  // namespace jammi
