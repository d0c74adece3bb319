#include "catalog/postgres/event_writer.h"

#include <arrow/buffer.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <deque>
#include <string>

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

int64_t PayloadBytes(std::span<const PendingEvent> events) {
  int64_t bytes = 0;
  for (const PendingEvent& pending : events) bytes += pending.event->payload->size();
  return bytes;
}

// kAppendToTopic for one topic, with what its parameters borrow.
class TopicAppend {
 public:
  TopicAppend(std::span<PendingEvent> events, std::string place)
      : events_(events),
        place_(std::move(place)),
        bytes_(PayloadBytes(events)),
        scopes_(kTextType, events.size(), 36 * events.size()),
        row_counts_(kInt8Type, events.size(), 8 * events.size()),
        checksums_(kInt8Type, events.size(), 8 * events.size()),
        payloads_(kByteaType, events.size(), static_cast<size_t>(bytes_)) {
    for (const PendingEvent& pending : events) {
      const EventAppend& event = *pending.event;
      scopes_.Add(event.scope.Key());
      row_counts_.Add(event.row_count);
      checksums_.Add(std::bit_cast<int64_t>(event.checksum));
      payloads_.Add(SqlBytes(event.payload->data(), static_cast<size_t>(event.payload->size())));
    }
    params_ = {topic_no(),
               static_cast<int64_t>(events.size()),
               bytes_,
               kOffsetLimit,
               scopes_.bytes(),
               row_counts_.bytes(),
               checksums_.bytes(),
               payloads_.bytes(),
               place_};
  }
  TopicAppend(const TopicAppend&) = delete;
  TopicAppend& operator=(const TopicAppend&) = delete;

  [[nodiscard]] int64_t topic_no() const { return events_.front().event->topic_no; }
  [[nodiscard]] Statement statement() const { return {kAppendToTopic, params_}; }
  [[nodiscard]] std::span<PendingEvent> events() const { return events_; }

 private:
  std::span<PendingEvent> events_;
  const std::string place_;
  int64_t bytes_;
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

}  // namespace

Result<std::vector<ResultSet>> WriteEvents(Connection& connection, std::span<const Statement> before,
                                           std::vector<PendingEvent>& events, HeadPlaces& places) {
  const auto topic_no = [](const PendingEvent& pending) { return pending.event->topic_no; };
  std::ranges::stable_sort(events, {}, topic_no);
  std::deque<TopicAppend> topics;
  for (auto first = events.begin(); first != events.end();) {
    const auto last = std::ranges::upper_bound(first, events.end(), topic_no(*first), {}, topic_no);
    topics.emplace_back(std::span(first, last), places.Get(topic_no(*first)));
    first = last;
  }
  std::vector<Statement> statements(before.begin(), before.end());
  for (const TopicAppend& topic : topics) statements.push_back(topic.statement());
  JAMMI_ASSIGN(auto results, connection.Run(statements));
  for (size_t i = 0; i < topics.size(); ++i) {
    const ResultSet& result = results[before.size() + i];
    if (result.rows() == 0) {
      JAMMI_ASSIGN(const Error why, WhyNoOffsets(connection, topics[i].topic_no()));
      for (PendingEvent& pending : topics[i].events()) pending.refused = why;
      continue;
    }
    places.Set(topics[i].topic_no(), result.Text(0, 2));
    auto offset = static_cast<uint64_t>(result.Int(0, 0));
    for (const PendingEvent& pending : topics[i].events()) *pending.outcome = {offset++, result.Int(0, 1)};
  }
  return results;
}

}  // namespace jammi::postgres
