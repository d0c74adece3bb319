#include "catalog/log_trim.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "catalog/changes.h"
#include "catalog/event_key.h"
#include "catalog/lease.h"
#include "catalog/producer_keys.h"
#include "catalog/read_rows.h"
#include "catalog/topic_repo.h"

namespace jammi {
namespace {

// One step holds the writer, and on PostgreSQL at its end the head of the topic, for so much at most.
constexpr int64_t kStepEvents = 1024;
constexpr int64_t kStepBytes = 1 << 20;
constexpr int64_t kTopicsAtOnce = 256;
// Longer than a step can wait for its turn behind publishers.
constexpr std::chrono::seconds kLease{30};

#define JAMMI_MAX_AGE "COALESCE(t.max_age_us, CAST($2 AS BIGINT))"
#define JAMMI_MAX_BYTES "COALESCE(t.max_bytes, CAST($3 AS BIGINT))"
#define JAMMI_MAX_EVENTS "COALESCE(t.max_events, CAST($4 AS BIGINT))"

// Which topics are beyond a limit, as Cut::MustGo() says of the oldest event.
constexpr std::string_view kFindDue =
    "SELECT t.topic_no FROM topics AS t JOIN topic_heads AS h ON h.topic_no = t.topic_no "
    "LEFT JOIN events AS e ON e.event_key = (h.topic_no << 40) + h.low_water AND " JAMMI_MAX_AGE
    " > 0 "
    "WHERE t.topic_no > $1 AND t.topic_no < $5 AND t.dropped_at IS NULL AND h.low_water < h.next_offset "
    "AND ((" JAMMI_MAX_AGE " > 0 AND e.committed_at < (SELECT jammi_now()) - " JAMMI_MAX_AGE
    ") "
    "OR (" JAMMI_MAX_BYTES " > 0 AND h.bytes > " JAMMI_MAX_BYTES
    " AND h.events > 1) "
    "OR (" JAMMI_MAX_EVENTS " > 0 AND h.events > " JAMMI_MAX_EVENTS ")) ORDER BY t.topic_no LIMIT $6";
constexpr std::string_view kState =
    "SELECT h.low_water, h.events, h.bytes, jammi_now() AS now, " JAMMI_MAX_AGE
    " AS max_age, " JAMMI_MAX_BYTES " AS max_bytes, " JAMMI_MAX_EVENTS
    " AS max_events, "
    "CASE WHEN COALESCE(t.keep_for_consumers, CAST($5 AS BIGINT)) = 1 THEN (SELECT MIN(c.acked_position) "
    "FROM consumers AS c WHERE c.topic_no = t.topic_no AND c.scope = t.scope) END AS held_at "
    "FROM topics AS t JOIN topic_heads AS h ON h.topic_no = t.topic_no "
    "WHERE t.topic_no = $1 AND t.dropped_at IS NULL";
constexpr std::string_view kOldest =
    "SELECT event_key, committed_at, length(payload) AS bytes FROM events "
    "WHERE event_key >= $1 AND event_key < $2 ORDER BY event_key LIMIT $3";
// A number of bytes that was wrong does not keep the log from being trimmed.
constexpr std::string_view kMoveLowWater =
    "UPDATE topic_heads SET low_water = $3, events = events - ($3 - $2), "
    "bytes = CASE WHEN next_offset = $3 OR bytes < $4 THEN 0 ELSE bytes - $4 END "
    "WHERE topic_no = $1 AND low_water = $2";
constexpr std::string_view kRemoveEvents = "DELETE FROM events WHERE event_key >= $1 AND event_key <= $2";

constexpr std::string_view kFirstDropped =
    "SELECT topic_no FROM topics WHERE dropped_at IS NOT NULL ORDER BY topic_no LIMIT 1";
constexpr std::string_view kDeleteTopic = "DELETE FROM topics WHERE topic_no = $1";

constexpr std::string_view kLogTrimClaim =
    "UPDATE log_trimmer SET " JAMMI_LEASE_TAKE("$1", "$2") " WHERE id = 1 AND (lease_holder IS NULL OR "
    "lease_holder = $1 OR CAST($3 AS BIGINT) = 1 OR " JAMMI_LEASE_EXPIRED ") RETURNING lease_epoch";
constexpr std::string_view kLogTrimHold =
    "UPDATE log_trimmer SET " JAMMI_LEASE_RENEW("$3") " WHERE id = 1 AND " JAMMI_LEASE_HELD("$1", "$2");
constexpr std::string_view kRelease =
    "UPDATE log_trimmer SET " JAMMI_LEASE_DROP " WHERE id = 1 AND lease_holder = $1 AND lease_epoch = $2";
constexpr std::string_view kLogTrimEpoch = "SELECT lease_epoch FROM log_trimmer WHERE id = 1";

constexpr std::array kLogTrimStatements = {RepoStatement{"find due", kFindDue, 6},
                                           RepoStatement{"state", kState, 5},
                                           RepoStatement{"oldest", kOldest, 3},
                                           RepoStatement{"move low water", kMoveLowWater, 4},
                                           RepoStatement{"remove events", kRemoveEvents, 2},
                                           RepoStatement{"first dropped", kFirstDropped, 0}};

int64_t LeaseLength() { return std::chrono::microseconds(kLease).count(); }

// Calls `event(offset, committed_at, bytes)` for a topic's events from an offset on, until it says false; a
// few more than fit into a step.
template <class Event>
Result<void> ReadOldest(Transaction& tx, int64_t topic_no, int64_t from, const Event& event) {
  const int64_t begin = EventKey(topic_no, 0);
  return tx.Query(kOldest, {begin + from, begin + kOffsetLimit, kStepEvents + 1},
                  [&](const Row& row) -> Result<bool> {
                    JAMMI_ASSIGN(const int64_t key, row.Get<int64_t>("event_key"));
                    JAMMI_ASSIGN(const UnixMicros committed_at, row.Get<int64_t>("committed_at"));
                    JAMMI_ASSIGN(const int64_t bytes, row.Get<int64_t>("bytes"));
                    return event(key - begin, committed_at, bytes);
                  });
}

Result<std::optional<int64_t>> FirstDropped(Transaction& tx) {
  return tx.QueryFirst(kFirstDropped, {}, ReadColumn<int64_t>("topic_no"));
}

}  // namespace

std::span<const RepoStatement> LogTrimStatements() { return kLogTrimStatements; }

Result<void> RemoveEvents(Transaction& tx, int64_t topic_no, int64_t first, int64_t last) {
  JAMMI_TRY(DeleteProducerKeys(tx, topic_no, last + 1));
  JAMMI_TRY(tx.Execute(kRemoveEvents, {EventKey(topic_no, first), EventKey(topic_no, last)}));
  return {};
}

// A topic at the beginning of a step.
struct LogTrim::State {
  int64_t low_water = 0;
  int64_t events = 0;
  int64_t bytes = 0;
  UnixMicros now = 0;
  // 0: without limit.
  int64_t max_age = 0;
  int64_t max_bytes = 0;
  int64_t max_events = 0;
  std::optional<int64_t> held_at;  // the position of the owner's last consumer
};

// The oldest events of a topic that one step removes.
struct LogTrim::Cut {
  int64_t end = 0;  // the offset behind them
  int64_t events = 0;
  int64_t bytes = 0;
  bool full = false;  // it ends because a step does

  // False: this event, the next one, is not part of it.
  bool Add(int64_t offset, int64_t size) {
    full = events == kStepEvents || (events > 0 && bytes + size > kStepBytes);
    if (full) return false;
    end = offset + 1;
    ++events;
    bytes += size;
    return true;
  }
  // Whether the next event, too, is beyond a limit.
  [[nodiscard]] bool MustGo(const State& state, int64_t offset, UnixMicros committed_at) const {
    if (state.held_at && offset >= *state.held_at) return false;
    if (state.max_age > 0 && committed_at < state.now - state.max_age) return true;
    const int64_t left = state.low_water + state.events - offset;  // this one included
    if (state.max_events > 0 && left > state.max_events) return true;
    return state.max_bytes > 0 && left > 1 && state.bytes - bytes > state.max_bytes;
  }
};

LogTrim::LogTrim(CatalogBackend& backend, const TopicRetention& defaults, std::string holder)
    : backend_(backend), defaults_(defaults), lease_{.holder = std::move(holder)} {}

Result<bool> LogTrim::HasDropped() {
  JAMMI_ASSIGN(const auto dropped, backend_.Transact({.read_only = true}, FirstDropped));
  return dropped.has_value();
}

Result<std::vector<int64_t>> LogTrim::FindDue(int64_t after) {
  return backend_.Transact({.read_only = true}, [&](Transaction& tx) -> Result<std::vector<int64_t>> {
    std::vector<int64_t> due;
    JAMMI_TRY(tx.Query(kFindDue,
                       {after, defaults_.max_age->count(), *defaults_.max_bytes, *defaults_.max_events,
                        kChangesTopicNo, kTopicsAtOnce},
                       AppendTo(due, ReadColumn<int64_t>("topic_no"))));
    return due;
  });
}

// --- The lease

Result<bool> LogTrim::Claim(Deadline deadline) {
  const bool alone = backend_.kind() == BackendKind::kSqlite;
  JAMMI_ASSIGN(const auto epoch, backend_.Transact({.deadline = deadline}, [&](Transaction& tx) {
    return tx.QueryFirst(kLogTrimClaim, {lease_.holder, LeaseLength(), alone},
                         ReadColumn<int64_t>("lease_epoch"));
  }));
  lease_.epoch = epoch.value_or(0);
  return epoch.has_value();
}

Result<void> LogTrim::Release(Deadline deadline) {
  return backend_.RunTransaction({.deadline = deadline}, [&](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute(kRelease, {lease_.holder, lease_.epoch}));
    return {};
  });
}

// The first statement of every step: two engines that both take themselves for the holder meet here.
Result<void> LogTrim::HoldLease(Transaction& tx) const {
  JAMMI_ASSIGN(const int64_t held, tx.Execute(kLogTrimHold, {lease_.holder, lease_.epoch, LeaseLength()}));
  if (held == 1) return {};
  JAMMI_ASSIGN(const auto epoch, tx.QueryFirst(kLogTrimEpoch, {}, ReadColumn<int64_t>("lease_epoch")));
  return LeaseLost("the log's", "trimmer", lease_, epoch.value_or(0));
}

// --- Steps

Result<std::optional<LogTrim::State>> LogTrim::ReadState(Transaction& tx, int64_t topic_no) const {
  return tx.QueryFirst(kState,
                       {topic_no, defaults_.max_age->count(), *defaults_.max_bytes, *defaults_.max_events,
                        *defaults_.keep_for_consumers},
                       [](const Row& row) -> Result<State> {
                         State state;
                         JAMMI_ASSIGN(state.low_water, row.Get<int64_t>("low_water"));
                         JAMMI_ASSIGN(state.events, row.Get<int64_t>("events"));
                         JAMMI_ASSIGN(state.bytes, row.Get<int64_t>("bytes"));
                         JAMMI_ASSIGN(state.now, row.Get<int64_t>("now"));
                         JAMMI_ASSIGN(state.max_age, row.Get<int64_t>("max_age"));
                         JAMMI_ASSIGN(state.max_bytes, row.Get<int64_t>("max_bytes"));
                         JAMMI_ASSIGN(state.max_events, row.Get<int64_t>("max_events"));
                         JAMMI_ASSIGN(state.held_at, row.Get<std::optional<int64_t>>("held_at"));
                         return state;
                       });
}

Result<LogTrim::Step> LogTrim::Trim(int64_t topic_no, Deadline deadline) {
  return backend_.Transact({.lane = Lane::kBulk, .deadline = deadline}, [&](Transaction& tx) -> Result<Step> {
    JAMMI_TRY(HoldLease(tx));
    JAMMI_ASSIGN(const auto state, ReadState(tx, topic_no));
    if (!state) return Step{};
    Cut cut;
    JAMMI_TRY(ReadOldest(tx, topic_no, state->low_water,
                         [&](int64_t offset, UnixMicros committed_at, int64_t bytes) {
                           return cut.MustGo(*state, offset, committed_at) && cut.Add(offset, bytes);
                         }));
    if (cut.events == 0) return Step{};
    JAMMI_TRY(RemoveEvents(tx, topic_no, state->low_water, cut.end - 1));
    // Last, so that publishers wait for the head as short as can be.
    JAMMI_ASSIGN(const int64_t moved,
                 tx.Execute(kMoveLowWater, {topic_no, state->low_water, cut.end, cut.bytes}));
    if (moved == 1) return Step{.events = cut.events, .bytes = cut.bytes, .more = cut.full};
    return Error(ErrorCode::kAborted, fmt::format("topic {} was dropped while it was trimmed", topic_no));
  });
}

Result<LogTrim::Step> LogTrim::Purge(Deadline deadline) {
  Purged purged;
  auto step =
      backend_.Transact({.lane = Lane::kBulk, .deadline = deadline}, [&](Transaction& tx) -> Result<Step> {
        JAMMI_TRY(HoldLease(tx));
        JAMMI_ASSIGN(const auto topic_no, FirstDropped(tx));
        if (!topic_no) return Step{};
        const int64_t from = *topic_no == purged_.topic_no ? purged_.end : 0;
        Cut cut;
        JAMMI_TRY(ReadOldest(tx, *topic_no, from, [&](int64_t offset, UnixMicros, int64_t bytes) {
          return cut.Add(offset, bytes);
        }));
        if (cut.events == 0) {
          JAMMI_TRY(tx.Execute(kDeleteTopic, {*topic_no}));
        } else {
          JAMMI_TRY(RemoveEvents(tx, *topic_no, from, cut.end - 1));
        }
        purged = {*topic_no, cut.end};
        return Step{.events = cut.events, .bytes = cut.bytes, .more = true};
      });
  if (step && step->more) purged_ = purged;
  return step;
}

}  // namespace jammi
