#include "trigger/frame.h"

#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/util/byte_size.h>

#include <algorithm>

#include "predicate/pick.h"

namespace jammi {
namespace {

// The frame, its place in the ring, and what Arrow allocates for a decoded batch and each of its columns.
constexpr int64_t kFrameOverhead = 1024;
constexpr size_t kMaxSelections = 64;

std::shared_ptr<const SharedRows> AsStored(const EventCodec& codec,
                                           const std::shared_ptr<arrow::Buffer>& payload) {
  if (payload == nullptr || !codec.IsPlainlyStored(*payload)) return nullptr;
  return std::make_shared<const SharedRows>(codec, nullptr, payload);
}

}  // namespace

Frame::Frame(uint64_t offset, UnixMicros committed_at, Scope scope, int64_t row_count,
             std::shared_ptr<arrow::Buffer> payload)
    : offset_(offset),
      committed_at_(committed_at),
      scope_(std::move(scope)),
      row_count_(row_count),
      bytes_(Charge(payload)),
      payload_(std::move(payload)) {}

Frame::Frame(uint64_t offset, UnixMicros committed_at, Scope scope, std::shared_ptr<arrow::RecordBatch> batch)
    : offset_(offset),
      committed_at_(committed_at),
      scope_(std::move(scope)),
      row_count_(batch->num_rows()),
      bytes_(arrow::util::TotalBufferSize(*batch) + kFrameOverhead),
      batch_(std::move(batch)) {}

int64_t Frame::Charge(const std::shared_ptr<arrow::Buffer>& payload) {
  return (payload == nullptr ? 0 : payload->size()) + kFrameOverhead;
}

Frame::View& Frame::ViewOf(const EventCodec& codec) const {
  const int columns = codec.columns();
  int first = first_columns_.load(std::memory_order_relaxed);
  if (first == 0 && first_columns_.compare_exchange_strong(first, columns)) first = columns;
  if (first == columns) return first_view_;
  const std::lock_guard lock(views_mutex_);
  if (other_views_ == nullptr) other_views_ = std::make_unique<std::map<int, View>>();
  return (*other_views_)[columns];
}

void Frame::Open(View& view, const EventCodec& codec) const {
  bool as_stored = false;
  auto batch = batch_ == nullptr ? codec.Decode(payload_, row_count_, &as_stored) : codec.Fit(batch_);
  if (batch) {
    view.all.emplace(codec, *std::move(batch), as_stored ? payload_ : nullptr);
  } else {
    view.error = std::make_unique<const Error>(std::move(batch).error());
  }
}

std::shared_ptr<const SharedRows> Frame::Stored(const EventCodec& codec) const {
  return AsStored(codec, payload_);
}

Result<std::shared_ptr<const SharedRows>> Frame::Select(std::shared_ptr<const void> owner,
                                                        const EventCodec& codec,
                                                        const SharedPredicate& predicate) const {
  View& view = ViewOf(codec);
  std::call_once(view.once, [&] { Open(view, codec); });
  if (view.error != nullptr) return *view.error;
  Chosen chosen{.within = &*view.all};
  if (!predicate.predicate.matches_all()) {
    if (row_count_ == 0) return nullptr;
    const std::lock_guard lock(view.mutex);
    JAMMI_ASSIGN(chosen, ChooseLocked(view, codec, predicate));
  }
  // The owner lives until here: it may be the last to hold the frame.
  if (chosen.within == nullptr) return std::move(chosen.apart);
  return std::shared_ptr<const SharedRows>(std::move(owner), chosen.within);
}

Result<Frame::Chosen> Frame::ChooseLocked(View& view, const EventCodec& codec,
                                          const SharedPredicate& predicate) const {
  const auto known = std::ranges::find(view.selections, predicate.id, &Selection::predicate_id);
  if (known != view.selections.end()) return Known(view, *known, codec);

  predicate.counters->evaluations.fetch_add(1, std::memory_order_relaxed);
  JAMMI_ASSIGN(const auto numbers, predicate.predicate.Select(*view.all->batch()));
  const bool all = std::ssize(numbers) == row_count_;
  const bool some = !all && !numbers.empty();
  const int64_t bytes = some ? static_cast<int64_t>(sizeof(Some)) + row_count_ / 8 : 0;
  const bool remembered = view.selections.size() < kMaxSelections && view.selection_bytes + bytes <= bytes_;
  Selection selection{.predicate_id = predicate.id, .all = all};
  if (some && remembered) {
    selection.some = std::make_unique<Some>();
    selection.some->chosen.resize(static_cast<size_t>(row_count_));
    for (const uint32_t row : numbers) selection.some->chosen[row] = true;
  }
  Chosen chosen{.within = all ? &*view.all : nullptr};
  if (some) {
    JAMMI_ASSIGN(chosen.apart, PickRows(view, selection.some.get(), numbers, codec));
  }
  if (remembered) {
    view.selection_bytes += bytes;
    view.selections.push_back(std::move(selection));
  }
  return chosen;
}

Result<Frame::Chosen> Frame::Known(View& view, const Selection& selection, const EventCodec& codec) const {
  if (selection.all) return Chosen{.within = &*view.all};
  if (selection.some == nullptr) return Chosen{};
  const auto& chosen = selection.some->chosen;
  if (auto rows = selection.some->rows.lock()) return Chosen{.apart = std::move(rows)};
  std::vector<uint32_t> numbers;
  for (size_t row = 0; row < chosen.size(); ++row) {
    if (chosen[row]) numbers.push_back(static_cast<uint32_t>(row));
  }
  JAMMI_ASSIGN(auto rows, PickRows(view, selection.some.get(), numbers, codec));
  return Chosen{.apart = std::move(rows)};
}

Result<std::shared_ptr<const SharedRows>> Frame::PickRows(View& view, Some* remember,
                                                          std::span<const uint32_t> numbers,
                                                          const EventCodec& codec) const {
  JAMMI_ASSIGN(auto batch, predicate::Pick(view.all->batch(), numbers));
  auto rows = std::make_shared<const SharedRows>(codec, std::move(batch), nullptr);
  if (remember == nullptr) return rows;
  remember->rows = rows;
  if (const auto copied = std::ssize(numbers); view.copied_rows + copied <= row_count_) {
    view.copied_rows += copied;
    remember->kept = rows;
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
                        const Predicate& predicate, bool decode) {
  Delivery delivery{
      .offset = event.offset, .produced_at = event.committed_at, .tenant = event.scope.tenant()};
  if (event.payload == nullptr || !reader.Sees(event.scope)) return delivery;
  if (!decode && predicate.matches_all()) delivery.shared = AsStored(codec, event.payload);
  if (delivery.shared != nullptr) return delivery;
  bool as_stored = false;
  JAMMI_ASSIGN(const auto batch, codec.Decode(event.payload, event.row_count, &as_stored));
  JAMMI_ASSIGN(delivery.batch, SelectRows(batch, predicate));
  if (delivery.batch == nullptr) return delivery;
  const bool whole = as_stored && delivery.batch == batch;
  delivery.shared =
      std::make_shared<const SharedRows>(codec, delivery.batch, whole ? event.payload : nullptr);
  return delivery;
}

}  // namespace jammi
