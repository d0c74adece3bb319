// An event in memory, shared by all subscriptions of the process.
#pragma once

#include <arrow/type_fwd.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "catalog/event_log.h"
#include "jammi/predicate.h"
#include "jammi/result.h"
#include "jammi/scope.h"
#include "jammi/trigger.h"
#include "trigger/codec.h"

namespace jammi {

// A predicate that several subscriptions of a feed may share, bound to one version of the topic's schema.
// `id` is never given twice.
struct SharedPredicate {
  uint64_t id = 0;
  Predicate predicate;
};

// Thread-safe. For each version of the topic's schema that somebody reads with, decoded once, and filtered
// once for each predicate, whoever asks first.
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
  // What a ring is charged for it: payload or batch, and a decoded batch's own objects.
  [[nodiscard]] int64_t bytes() const { return bytes_; }

  // The rows that `predicate` selects, with the columns of the codec's schema; null when there are none. The
  // predicate is bound to that schema. Errors: EventCodec::Decode's and Predicate::Filter's.
  [[nodiscard]] Result<std::shared_ptr<arrow::RecordBatch>> Select(const EventCodec& codec,
                                                                   const SharedPredicate& predicate) const;

 private:
  struct Selection {
    uint64_t predicate_id;
    std::shared_ptr<arrow::RecordBatch> rows;
  };
  // The event as one version of the schema shows it.
  struct View {
    std::once_flag once;
    Result<std::shared_ptr<arrow::RecordBatch>> batch = nullptr;
    // Held while a predicate runs, so that equal ones run once. What is kept is bounded: the copies of rows
    // in all selections together are no more rows than the event has.
    std::mutex mutex;
    std::vector<Selection> selections;
    int64_t copied_rows = 0;
  };

  [[nodiscard]] View& ViewOf(const EventCodec& codec) const;
  [[nodiscard]] Result<std::shared_ptr<arrow::RecordBatch>> Read(const EventCodec& codec) const;

  const uint64_t offset_;
  const UnixMicros committed_at_;
  const Scope scope_;
  const int64_t row_count_;
  const int64_t bytes_;
  // One of the two.
  const std::shared_ptr<arrow::Buffer> payload_;
  const std::shared_ptr<arrow::RecordBatch> batch_;

  // Nearly always all read with one version: the first has its place here, and finding it takes no lock.
  mutable std::atomic<int> first_columns_ = 0;
  mutable View first_view_;
  mutable std::mutex views_mutex_;
  mutable std::map<int, View> other_views_;  // by number of columns
};

// The rows of `batch` that `predicate` selects; null when there are none. A batch without rows is an
// event all the same: it is selected by match-all, and by nothing else.
[[nodiscard]] Result<std::shared_ptr<arrow::RecordBatch>> SelectRows(
    const std::shared_ptr<arrow::RecordBatch>& batch, const Predicate& predicate);

// An event of a page as `reader` sees it; without a batch if he sees nothing of it. The tenant first, then
// the predicate: nobody pays for, or fails on, rows that he may not see (W-18).
[[nodiscard]] Result<Delivery> LookAt(const LogEvent& event, const Scope& reader, const EventCodec& codec,
                                      const Predicate& predicate);

}  // namespace jammi
