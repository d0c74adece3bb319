// An event in memory, shared by all subscriptions of the process.
#pragma once

#include <arrow/type_fwd.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "catalog/event_log.h"
#include "jammi/predicate.h"
#include "jammi/result.h"
#include "jammi/scope.h"
#include "jammi/trigger.h"
#include "trigger/codec.h"
#include "trigger/shared_rows.h"

namespace jammi {

// What the subscriptions of an engine, or of a driver, have cost so far.
struct FeedCounters {
  std::atomic<uint64_t> evaluations = 0;   // of a predicate on the rows of an event
  std::atomic<uint64_t> pages_read = 0;    // from the log
  std::atomic<uint64_t> pages_shared = 0;  // found in memory instead
};

// A predicate that several subscriptions of a feed may share, bound to one version of the topic's schema.
// `id` is never given twice.
struct SharedPredicate {
  uint64_t id = 0;
  Predicate predicate;
  std::shared_ptr<FeedCounters> counters;
};

// Thread-safe. For each version of the topic's schema that somebody reads with, decoded once, and for each
// predicate evaluated and encoded once, whoever asks first.
class Frame {
 public:
  // From the log: the batch is decoded when somebody wants it.
  Frame(uint64_t offset, UnixMicros committed_at, Scope scope, int64_t row_count,
        std::shared_ptr<arrow::Buffer> payload);
  // From a driver: there is a batch and no payload.
  Frame(uint64_t offset, UnixMicros committed_at, Scope scope, std::shared_ptr<arrow::RecordBatch> batch);

  [[nodiscard]] uint64_t offset() const { return offset_; }
  [[nodiscard]] UnixMicros committed_at() const { return committed_at_; }
  [[nodiscard]] const Scope& scope() const { return scope_; }
  // What a ring is charged for it: payload or batch, and a decoded batch's own objects. Which rows the
  // predicates chose takes as much again at most, copies of these rows no more than the event has, and their
  // bytes likewise.
  [[nodiscard]] int64_t bytes() const { return bytes_; }
  // The same of a payload, which may be null.
  [[nodiscard]] static int64_t Charge(const std::shared_ptr<arrow::Buffer>& payload);

  // The event as it is stored, if it is what Select() would give without a predicate and there is no need to
  // decode it; else null.
  [[nodiscard]] std::shared_ptr<const SharedRows> Stored(const EventCodec& codec) const;

  // The rows that `predicate` selects, with the columns of the codec's schema; null when there are none. The
  // predicate is bound to that schema. A batch without rows is an event all the same:
  // it is selected by match-all, and by nothing else. `owner` keeps the frame alive.
  // Errors: EventCodec::Decode's and Predicate::Select's.
  [[nodiscard]] Result<std::shared_ptr<const SharedRows>> Select(std::shared_ptr<const void> owner,
                                                                 const EventCodec& codec,
                                                                 const SharedPredicate& predicate) const;

 private:
  // Some rows of the event. Whoever needs them while others have them shares theirs; a copy that nobody has
  // any more is made again, without the predicate.
  struct Some {
    std::vector<bool> chosen;
    std::weak_ptr<const SharedRows> rows;
    std::shared_ptr<const SharedRows> kept;  // within the bounds
  };
  struct Selection {
    uint64_t predicate_id = 0;
    bool all = false;
    std::unique_ptr<Some> some;  // null: all or none
  };
  // The event as one version of the schema shows it.
  struct View {
    std::once_flag once;
    std::unique_ptr<const Error> error;
    std::optional<SharedRows> all;  // unless there is an error
    std::mutex mutex;               // held while a predicate runs, so that equal ones run once
    std::vector<Selection> selections;
    int64_t selection_bytes = 0;
    int64_t copied_rows = 0;
  };

  // What a predicate selects: what the frame holds itself, or rows apart from it; neither: nothing.
  struct Chosen {
    const SharedRows* within = nullptr;
    std::shared_ptr<const SharedRows> apart;
  };

  [[nodiscard]] View& ViewOf(const EventCodec& codec) const;
  void Open(View& view, const EventCodec& codec) const;
  [[nodiscard]] Result<Chosen> ChooseLocked(View& view, const EventCodec& codec,
                                            const SharedPredicate& predicate) const;
  [[nodiscard]] Result<Chosen> Known(View& view, const Selection& selection, const EventCodec& codec) const;
  // `remember` may be null.
  [[nodiscard]] Result<std::shared_ptr<const SharedRows>> PickRows(View& view, Some* remember,
                                                                   std::span<const uint32_t> numbers,
                                                                   const EventCodec& codec) const;

  const uint64_t offset_;
  const UnixMicros committed_at_;
  const Scope scope_;
  const int64_t row_count_;
  const int64_t bytes_;
  // One of the two at most.
  const std::shared_ptr<arrow::Buffer> payload_;
  const std::shared_ptr<arrow::RecordBatch> batch_;

  // Nearly always all read with one version: the first has its place here, and finding it takes no lock.
  mutable std::atomic<int> first_columns_ = 0;
  mutable View first_view_;
  mutable std::mutex views_mutex_;
  mutable std::unique_ptr<std::map<int, View>> other_views_;  // by number of columns
};

// The rows of `batch` that `predicate` selects; null when there are none. A batch without rows is an
// event all the same: it is selected by match-all, and by nothing else.
[[nodiscard]] Result<std::shared_ptr<arrow::RecordBatch>> SelectRows(
    const std::shared_ptr<arrow::RecordBatch>& batch, const Predicate& predicate);

// An event of a page as `reader` sees it; without `shared` if he sees nothing of it. The tenant first, then
// the predicate: nobody pays for, or fails on, rows that he may not see (W-18). `decode`: as
// SubscribeOptions has it.
[[nodiscard]] Result<Delivery> LookAt(const LogEvent& event, const Scope& reader, const EventCodec& codec,
                                      const Predicate& predicate, bool decode = true);

}  // namespace jammi
