// An event in memory, shared by all subscriptions of the process.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "catalog/event_log.h"
#include "jammi/predicate.h"
#include "jammi/result.h"
#include "jammi/scope.h"
#include "trigger/codec.h"

namespace jammi {

// A predicate that several subscriptions of a feed may share. `id` is never given twice.
struct SharedPredicate {
  uint64_t id = 0;
  Predicate predicate;
};

// Thread-safe. Decoded once, and filtered once for each predicate, whoever asks first.
class Frame {
 public:
  // From the log's listener: the batch is decoded when somebody wants it.
  Frame(uint64_t offset, UnixMicros committed_at, Scope scope, int64_t row_count,
        std::shared_ptr<arrow::Buffer> payload);
  // From a driver: there is a batch and no payload.
  Frame(uint64_t offset, UnixMicros committed_at, Scope scope, std::shared_ptr<arrow::RecordBatch> batch);

  [[nodiscard]] uint64_t offset() const { return offset_; }
  [[nodiscard]] UnixMicros committed_at() const { return committed_at_; }
  [[nodiscard]] const Scope& scope() const { return scope_; }
  // What a ring is charged for it: payload or batch, and the decoded batch's own objects.
  [[nodiscard]] int64_t bytes() const { return bytes_; }

  // The rows that `predicate` selects; null when there are none. Errors: EventCodec::Decode's and
  // Predicate::Filter's.
  [[nodiscard]] Result<std::shared_ptr<arrow::RecordBatch>> Select(const EventCodec& codec,
                                                                   const SharedPredicate& predicate) const;

 private:
  [[nodiscard]] const Result<std::shared_ptr<arrow::RecordBatch>>& Batch(const EventCodec& codec) const;

  struct Selection {
    uint64_t predicate_id;
    std::shared_ptr<arrow::RecordBatch> rows;
  };

  const uint64_t offset_;
  const UnixMicros committed_at_;
  const Scope scope_;
  const int64_t row_count_;
  const int64_t bytes_;
  const std::shared_ptr<arrow::Buffer> payload_;

  mutable std::once_flag decode_once_;
  mutable Result<std::shared_ptr<arrow::RecordBatch>> batch_ = nullptr;

  // Held while a predicate runs, so that equal ones run once. What is kept is bounded: the copies of rows
  // in all selections together are no more rows than the event has.
  mutable std::mutex selections_mutex_;
  mutable std::vector<Selection> selections_;
  mutable int64_t copied_rows_ = 0;
};

// The rows of `batch` that `predicate` selects; null when there are none. A batch without rows is an
// event all the same: it is selected by match-all, and by nothing else.
[[nodiscard]] Result<std::shared_ptr<arrow::RecordBatch>> SelectRows(
    const std::shared_ptr<arrow::RecordBatch>& batch, const Predicate& predicate);

}  // namespace jammi
