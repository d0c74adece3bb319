// The log of all topics: one append-only table, and one narrow row per topic with its head. The truth
// that every subscription is a cursor over. Layout: docs/formats.md.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "jammi/catalog_backend.h"

namespace jammi {

// What fits into an event's key: 23 bits of topic number, 40 of offset.
constexpr int64_t kMaxTopicNo = (int64_t{1} << 23) - 1;
constexpr int64_t kMaxOffset = (int64_t{1} << 40) - 2;

struct LogHead {
  uint64_t low_water = 0;    // the oldest offset that can be read; == next_offset when nothing is retained
  uint64_t next_offset = 0;  // what the next event gets
};

struct LogEvent {
  uint64_t offset = 0;
  UnixMicros committed_at = 0;
  Scope scope = Scope::Global();
  int64_t row_count = 0;
  uint64_t checksum = 0;
  // Null when the reader may not see the event: its offset is still there, so that offsets in a page are
  // consecutive.
  std::shared_ptr<arrow::Buffer> payload;
};

struct LogPage {
  LogHead head;
  std::vector<LogEvent> events;  // consecutive offsets; empty when `from` is not in [low_water, next_offset)
};

struct PageLimit {
  int64_t events = 1024;
  int64_t bytes = 1 << 20;  // of payload; a page holds one event at least, however large
};

// An event that is durable now.
struct CommittedEvent {
  int64_t topic_no = 0;
  AppendOutcome outcome;
  Scope scope = Scope::Global();
  int64_t row_count = 0;
  uint64_t checksum = 0;
  std::shared_ptr<arrow::Buffer> payload;
};

// Thread-safe.
class EventLog {
 public:
  virtual ~EventLog() = default;

  // Appends what is requested, durable when `done` is called with the outcome. What waits for one topic
  // shares one head update, and all that waits shares one commit. It never waits itself: a full queue is an
  // error at once. `done` is called exactly once, outside every lock: on an engine thread, or, with an
  // error that is known at once (invalid event, full queue, not open, from inside a body), by this call
  // before it returns. It must be short and must not call the log's blocking functions; it may append
  // again.
  // Errors (through `done`): kInvalidArgument: no event, events of several topics or scopes, no payload, a
  // negative row count, a malformed producer key; kAlreadyExists with ProducerKeyConflictDetail; kNotFound:
  // the topic has no head, it was dropped; kResourceExhausted: the queue or the disk is full, or the topic's
  // offsets are used up; kDeadlineExceeded: not started in time, told when its turn comes; kUnavailable;
  // kOutcomeUnknown: as CatalogBackend::RunTransaction; kInvalidState: from inside a body.
  using Done = std::move_only_function<void(Result<AppendOutcome>)>;
  virtual void AppendAsync(AppendRequest request, Deadline deadline, Done done) = 0;

  // The same, waiting, for room in the queue too. With nobody else at the writer, the caller's own thread
  // commits.
  [[nodiscard]] virtual Result<AppendOutcome> Append(AppendRequest request, Deadline deadline) = 0;

  // The one listener: told of every event written and committed by this process, in commit order, after
  // COMMIT and before the `done` of the same events, outside every lock. Set before the first append.
  using Listener = std::function<void(std::span<const CommittedEvent>)>;
  virtual void SetListener(Listener listener) = 0;

  // Called when another process has moved the head of a topic to `next_offset` or beyond: a hint, to read
  // the log. It may come late, more than once, or be lost with a process that dies; of the changes topic
  // it comes within a second while the database can be reached. At first it is called for all topics. It
  // runs on a thread of the log, must be short and must not call the log's blocking functions. When this
  // returns, no call of the listener before runs or will run. Null: no more calls.
  using HeadListener = std::function<void(int64_t topic_no, uint64_t next_offset)>;
  virtual void SetHeadListener(HeadListener /*listener*/) {}  // where no other process can write

  // Events of a topic from `from` on, up to `limit`; payloads only where `reader` may see the event.
  // One statement: head and events are of one moment. Bytes of a page lie in one buffer. Below the low
  // water there is nothing to return: the head, and no events, for the caller to say OffsetEvicted.
  // A page ends before an event that is missing or damaged; the one that begins with it is the error.
  // Errors: kNotFound: no head (dropped); kDataLoss: the event at `from` is missing or its bytes are
  // damaged; kUnavailable and BackendDetail.
  [[nodiscard]] virtual Result<LogPage> Read(int64_t topic_no, uint64_t from, const Scope& reader,
                                             const PageLimit& limit) = 0;

  [[nodiscard]] virtual Result<LogHead> ReadHead(int64_t topic_no) = 0;

  // The first offset committed at or after `time`, by binary search over the topic's offsets (commit
  // times never fall); next_offset when there is none.
  [[nodiscard]] virtual Result<uint64_t> FindTime(int64_t topic_no, UnixMicros time) = 0;
};

}  // namespace jammi
