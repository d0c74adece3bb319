#include "catalog/postgres/event_writer.h"

#include <arrow/buffer.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "catalog/backend_error.h"
#include "catalog/event_key.h"
#include "catalog/postgres/binary.h"
#include "catalog/postgres/log_statements.h"

namespace jammi::postgres {
namespace {

// Element types, as PostgreSQL's array header names them.
constexpr uint32_t kTextType = 25;
constexpr uint32_t kInt8Type = 20;
constexpr uint32_t kByteaType = 17;

// An array of one dimension in PostgreSQL's binary form.
class BinaryArray {
 public:
  BinaryArray(uint32_t type, size_t count, size_t bytes) {
    bytes_.reserve(20 + 4 * count + bytes);
    for (const uint32_t word : {uint32_t{1}, uint32_t{0}, type, static_cast<uint32_t>(count), uint32_t{1}})
      PutNumber(bytes_, word);
  }
  template <class T>
  void Add(const T& value) {
    PutSized(bytes_, value);
  }
  [[nodiscard]] SqlBytes bytes() const {
    return {reinterpret_cast<const uint8_t*>(bytes_.data()), bytes_.size()};
  }

 private:
  std::string bytes_;
};

// Parameters of kFindKeys for one topic.
class KeySearch {
 public:
  // `appends` have keys.
  KeySearch(int64_t topic_no, const std::vector<PendingAppend*>& appends)
      : scopes_(kTextType, appends.size(), 36 * appends.size()), keys_(kTextType, appends.size(), 0) {
    for (const PendingAppend* append : appends) {
      scopes_.Add(append->first().scope.Key());
      keys_.Add(append->request->producer_key);
    }
    params_ = {topic_no, scopes_.bytes(), keys_.bytes()};
  }
  KeySearch(const KeySearch&) = delete;
  KeySearch& operator=(const KeySearch&) = delete;
  [[nodiscard]] Statement statement() const { return {kFindKeys, params_}; }

 private:
  BinaryArray scopes_;
  BinaryArray keys_;
  std::vector<SqlValue> params_;
};

// Parameters of kInsertKeys for one topic.
class KeyInsert {
 public:
  // `appends` have keys; each one's first offset is known.
  KeyInsert(int64_t topic_no, uint64_t next_offset,
            const std::vector<std::pair<const PendingAppend*, uint64_t>>& appends)
      : scopes_(kTextType, appends.size(), 36 * appends.size()),
        keys_(kTextType, appends.size(), 0),
        first_offsets_(kInt8Type, appends.size(), 8 * appends.size()),
        events_(kInt8Type, appends.size(), 8 * appends.size()),
        checksums_(kInt8Type, appends.size(), 8 * appends.size()) {
    for (const auto& [append, first_offset] : appends) {
      scopes_.Add(append->first().scope.Key());
      keys_.Add(append->request->producer_key);
      first_offsets_.Add(static_cast<int64_t>(first_offset));
      events_.Add(std::ssize(append->request->events));
      checksums_.Add(std::bit_cast<int64_t>(ContentChecksum(*append->request)));
    }
    params_ = {topic_no,
               static_cast<int64_t>(next_offset),
               scopes_.bytes(),
               keys_.bytes(),
               first_offsets_.bytes(),
               events_.bytes(),
               checksums_.bytes()};
  }
  KeyInsert(const KeyInsert&) = delete;
  KeyInsert& operator=(const KeyInsert&) = delete;
  [[nodiscard]] Statement statement() const { return {kInsertKeys, params_}; }

 private:
  BinaryArray scopes_;
  BinaryArray keys_;
  BinaryArray first_offsets_;
  BinaryArray events_;
  BinaryArray checksums_;
  std::vector<SqlValue> params_;
};

// Parameters of kAppendToTopic for one topic: the events of its appends that are not settled.
class EventInsert {
 public:
  EventInsert(std::span<const PendingAppend> appends, std::string place)
      : place_(std::move(place)),
        count_(CountEvents(appends)),
        bytes_(CountBytes(appends)),
        scopes_(kTextType, count_, 36 * count_),
        row_counts_(kInt8Type, count_, 8 * count_),
        checksums_(kInt8Type, count_, 8 * count_),
        payloads_(kByteaType, count_, static_cast<size_t>(bytes_)) {
    for (const PendingAppend& append : appends) {
      if (append.settled) continue;
      const std::string scope = append.first().scope.Key();
      for (const EventAppend& event : append.request->events) {
        scopes_.Add(scope);
        row_counts_.Add(event.row_count);
        checksums_.Add(std::bit_cast<int64_t>(event.checksum));
        payloads_.Add(SqlBytes(event.payload->data(), static_cast<size_t>(event.payload->size())));
      }
    }
    params_ = {appends.front().topic_no(),
               static_cast<int64_t>(count_),
               bytes_,
               kOffsetLimit,
               scopes_.bytes(),
               row_counts_.bytes(),
               checksums_.bytes(),
               payloads_.bytes(),
               place_};
  }
  EventInsert(const EventInsert&) = delete;
  EventInsert& operator=(const EventInsert&) = delete;

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] Statement statement() const { return {kAppendToTopic, params_}; }

 private:
  static size_t CountEvents(std::span<const PendingAppend> appends) {
    size_t count = 0;
    for (const PendingAppend& append : appends) count += append.settled ? 0 : append.request->events.size();
    return count;
  }
  static int64_t CountBytes(std::span<const PendingAppend> appends) {
    int64_t bytes = 0;
    for (const PendingAppend& append : appends) {
      if (append.settled) continue;
      for (const EventAppend& event : append.request->events) bytes += event.payload->size();
    }
    return bytes;
  }

  const std::string place_;
  const size_t count_;
  const int64_t bytes_;
  BinaryArray scopes_;
  BinaryArray row_counts_;
  BinaryArray checksums_;
  BinaryArray payloads_;
  std::vector<SqlValue> params_;
};

Result<Error> WhyNoOffsets(Connection& connection, int64_t topic_no) {
  JAMMI_ASSIGN(const ResultSet heads, connection.RunOne(kCountHeads, {topic_no}));
  if (heads.Int(0, 0) == 0) return Result<Error>(std::in_place, NoSuchTopic(topic_no));
  return Result<Error>(std::in_place, ErrorCode::kResourceExhausted,
                       fmt::format("topic {} has used up its {} offsets", topic_no, kOffsetLimit));
}

// What goes to one topic.
class TopicAppends {
 public:
  explicit TopicAppends(std::span<PendingAppend> appends) : appends_(appends) {
    for (PendingAppend& append : appends) {
      if (append.has_key()) with_key_.push_back(&append);
    }
  }

  [[nodiscard]] int64_t topic_no() const { return appends_.front().topic_no(); }
  [[nodiscard]] bool has_keys() const { return !with_key_.empty(); }

  [[nodiscard]] Statement Hold(HeadPlaces& places) {
    place_ = places.Get(topic_no());
    hold_params_ = {topic_no(), place_};
    return {kHoldHead, hold_params_};
  }
  [[nodiscard]] Statement Search() {
    search_.emplace(topic_no(), with_key_);
    return search_->statement();
  }
  // What holding the head and the search have found. Without a head there is no topic, and the keys of one
  // that was dropped say nothing.
  void Settle(const ResultSet& head, const ResultSet& found) {
    if (head.rows() == 0) return;
    next_offset_ = static_cast<uint64_t>(head.Int(0, 0));
    std::vector<std::optional<KeyRecord>> known(with_key_.size());
    for (int i = 0; i < found.rows(); ++i) {
      known.at(static_cast<size_t>(found.Int(i, 0) - 1)) = {
          .first_offset = static_cast<uint64_t>(found.Int(i, 1)),
          .events = found.Int(i, 2),
          .checksum = std::bit_cast<uint64_t>(found.Int(i, 3)),
          .committed_at = found.Int(i, 4)};
    }
    for (size_t i = 0; i < with_key_.size(); ++i) keyed_.Add(*with_key_[i], known[i]);
  }

  // Adds what writes it; nothing when all is settled.
  void AddTo(std::vector<Statement>& statements, HeadPlaces& places) {
    events_.emplace(appends_, places.Get(topic_no()));
    if (events_->empty()) return;
    index_ = statements.size();
    statements.push_back(events_->statement());
    if (!next_offset_) return;
    std::vector<std::pair<const PendingAppend*, uint64_t>> to_insert;
    uint64_t offset = *next_offset_;
    for (const PendingAppend& append : appends_) {
      if (append.settled) continue;
      if (append.has_key()) to_insert.emplace_back(&append, offset);
      offset += append.request->events.size();
    }
    if (to_insert.empty()) return;
    keys_.emplace(topic_no(), offset, to_insert);
    statements.push_back(keys_->statement());
  }

  // Every append has its outcome, or is refused.
  Result<void> Finish(Connection& connection, const std::vector<ResultSet>& results, HeadPlaces& places) {
    if (index_) JAMMI_TRY(TakeOffsets(connection, results[*index_], places));
    keyed_.Finish();
    return {};
  }

 private:
  Result<void> TakeOffsets(Connection& connection, const ResultSet& head, HeadPlaces& places) {
    if (head.rows() == 0) {
      JAMMI_ASSIGN(const Error why, WhyNoOffsets(connection, topic_no()));
      for (PendingAppend& append : appends_) {
        if (append.settled) continue;
        append.settled = true;
        append.refused = why;
      }
      return {};
    }
    places.Set(topic_no(), head.Text(0, 2));
    AppendOutcome next{static_cast<uint64_t>(head.Int(0, 0)), head.Int(0, 1)};
    for (PendingAppend& append : appends_) {
      if (append.settled) continue;
      *append.outcome = next;
      next.offset += append.request->events.size();
    }
    return {};
  }

  std::span<PendingAppend> appends_;
  std::vector<PendingAppend*> with_key_;
  std::string place_;
  std::vector<SqlValue> hold_params_;
  std::optional<uint64_t> next_offset_;  // of a head that is held
  KeyedAppends keyed_;
  std::optional<KeySearch> search_;
  std::optional<EventInsert> events_;
  std::optional<KeyInsert> keys_;
  std::optional<size_t> index_;  // of the statement that writes the events
};

// Takes the heads of all topics, in their order, and looks the keys up.
Result<void> SettleKeys(Connection& connection, std::span<const Statement> before,
                        std::deque<TopicAppends>& topics, HeadPlaces& places) {
  std::vector<Statement> statements(before.begin(), before.end());
  for (TopicAppends& topic : topics) statements.push_back(topic.Hold(places));
  for (TopicAppends& topic : topics) {
    if (topic.has_keys()) statements.push_back(topic.Search());
  }
  JAMMI_ASSIGN(const auto results, connection.Run(statements));
  size_t head = before.size();
  size_t found = head + topics.size();
  for (TopicAppends& topic : topics) {
    if (topic.has_keys()) topic.Settle(results[head], results[found++]);
    ++head;
  }
  return {};
}

}  // namespace

Result<void> WriteEvents(Connection& connection, std::span<const Statement> before,
                         std::vector<PendingAppend>& appends, HeadPlaces& places) {
  const auto topic_no = [](const PendingAppend& append) { return append.topic_no(); };
  std::ranges::stable_sort(appends, {}, topic_no);
  std::deque<TopicAppends> topics;
  for (auto first = appends.begin(); first != appends.end();) {
    const auto last = std::ranges::upper_bound(first, appends.end(), topic_no(*first), {}, topic_no);
    topics.emplace_back(std::span(first, last));
    first = last;
  }
  std::vector<Statement> statements;
  if (std::ranges::any_of(topics, &TopicAppends::has_keys)) {
    JAMMI_TRY(SettleKeys(connection, before, topics, places));
  } else {
    statements.assign(before.begin(), before.end());
  }
  for (TopicAppends& topic : topics) topic.AddTo(statements, places);
  std::vector<ResultSet> results;
  if (!statements.empty()) {
    JAMMI_ASSIGN(results, connection.Run(statements));
  }
  for (TopicAppends& topic : topics) JAMMI_TRY(topic.Finish(connection, results, places));
  return {};
}

}  // namespace jammi::postgres
