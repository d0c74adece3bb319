#include "catalog/admin/event_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "catalog/event_key.h"
#include "catalog/event_log.h"

namespace jammi::admin {
namespace {

constexpr int kEventsAtOnce = 1000;

struct Head {
  int64_t next_offset = 0;
  int64_t low_water = 0;
  int64_t events = 0;
  int64_t bytes = 0;
  int64_t last_committed_at = 0;
};

struct Gap {
  int64_t from = 0;
  int64_t to = 0;  // exclusive
};

// One topic's events, in order, against its head.
class TopicCheck {
 public:
  TopicCheck(Database& database, int64_t topic_no, CheckReport& report,
             const std::function<void(const CheckFinding&)>& found)
      : database_(database), topic_no_(topic_no), report_(report), found_(found) {}

  Result<void> Run() {
    JAMMI_ASSIGN(const auto first, ReadHead());
    if (!first) return CheckHeadless();
    ++report_.topics;
    JAMMI_TRY(CheckBelow(first->low_water));
    expected_ = low_water_ = first->low_water;
    while (true) {
      JAMMI_ASSIGN(const auto head, ReadHead());
      if (!head) return {};  // dropped meanwhile
      SkipTrimmed(*head);
      JAMMI_ASSIGN(const int64_t read, ReadSome());
      const bool last = read < kEventsAtOnce;
      // What a head said before they were read is there; more may have come since.
      if (last && expected_ < head->next_offset) gaps_.push_back({expected_, head->next_offset});
      JAMMI_TRY(ReportGaps());
      if (last) return Compare(*head);
    }
  }

 private:
  void Found(std::string where, std::string what) {
    ++report_.findings;
    found_({std::move(where), std::move(what)});
  }
  [[nodiscard]] std::string Place(int64_t offset) const {
    return fmt::format("topic {}, offset {}", topic_no_, offset);
  }

  // What was trimmed while it was read is no gap.
  Result<void> ReportGaps() {
    if (gaps_.empty()) return {};
    JAMMI_ASSIGN(const auto head, ReadHead());
    if (head) SkipTrimmed(*head);
    for (const Gap& gap : std::exchange(gaps_, {})) {
      const int64_t from = std::max(gap.from, low_water_);
      if (!head || from >= gap.to) continue;
      Found(Place(from), gap.to - from == 1
                             ? "the event is missing"
                             : fmt::format("{} events are missing, to offset {}", gap.to - from, gap.to - 1));
    }
    return {};
  }

  Result<std::optional<Head>> ReadHead() {
    std::optional<Head> head;
    JAMMI_TRY(database_.Query(
        fmt::format("SELECT next_offset, low_water, events, bytes, last_committed_at FROM topic_heads"
                    " WHERE topic_no = {}",
                    topic_no_),
        [&](const Row& row) -> Result<bool> {
          head.emplace();
          JAMMI_ASSIGN(head->next_offset, row.Get<int64_t>("next_offset"));
          JAMMI_ASSIGN(head->low_water, row.Get<int64_t>("low_water"));
          JAMMI_ASSIGN(head->events, row.Get<int64_t>("events"));
          JAMMI_ASSIGN(head->bytes, row.Get<int64_t>("bytes"));
          JAMMI_ASSIGN(head->last_committed_at, row.Get<int64_t>("last_committed_at"));
          return true;
        }));
    return head;
  }

  // Events of a topic that was dropped are on their way out; others belong to nothing.
  Result<void> CheckHeadless() {
    JAMMI_ASSIGN(const auto dropped,
                 GetInt(database_, fmt::format("SELECT count(*) AS v FROM topics WHERE topic_no = {}"
                                               " AND dropped_at IS NOT NULL",
                                               topic_no_)));
    if (dropped.value_or(0) == 0) Found(fmt::format("topic {}", topic_no_), "there are events, and no head");
    return {};
  }

  Result<void> CheckBelow(int64_t low_water) {
    JAMMI_ASSIGN(
        const auto below,
        GetInt(database_,
               fmt::format("SELECT count(*) AS v FROM events WHERE event_key >= {} AND event_key < {}",
                           EventKey(topic_no_, 0), EventKey(topic_no_, low_water))));
    if (below.value_or(0) > 0) {
      Found(fmt::format("topic {}", topic_no_),
            fmt::format("{} events are below the low water {}", *below, low_water));
    }
    return {};
  }

  void SkipTrimmed(const Head& head) {
    if (head.low_water <= low_water_) return;
    low_water_ = head.low_water;
    expected_ = std::max(expected_, head.low_water);
    trimmed_ = true;
  }

  Result<int64_t> ReadSome() {
    int64_t read = 0;
    JAMMI_TRY(database_.Query(
        fmt::format("SELECT event_key, committed_at, scope, row_count, checksum, payload FROM events"
                    " WHERE event_key >= {} AND event_key <= {} ORDER BY event_key LIMIT {}",
                    EventKey(topic_no_, expected_), EventKey(topic_no_, kOffsetLimit - 1), kEventsAtOnce),
        [&](const Row& row) -> Result<bool> {
          ++read;
          JAMMI_ASSIGN(const int64_t key, row.Get<int64_t>("event_key"));
          Look(row, key - EventKey(topic_no_, 0));
          return true;
        }));
    return read;
  }

  void Look(const Row& row, int64_t offset) {
    ++report_.events;
    if (offset > expected_) gaps_.push_back({expected_, offset});
    expected_ = offset + 1;
    if (auto wrong = LookInto(row)) Found(Place(offset), *std::move(wrong));
  }

  // What is wrong with it, if anything is.
  std::optional<std::string> LookInto(const Row& row) {
    const auto payload = row.Get<SqlBytes>("payload");
    const auto checksum = row.Get<int64_t>("checksum");
    const auto committed_at = row.Get<int64_t>("committed_at");
    const auto scope = row.Get<std::string>("scope");
    const auto row_count = row.Get<int64_t>("row_count");
    if (!payload) return payload.error().message();
    if (!checksum) return checksum.error().message();
    if (!committed_at) return committed_at.error().message();
    if (!scope) return scope.error().message();
    if (!row_count) return row_count.error().message();
    bytes_ += static_cast<int64_t>(payload->size());
    const int64_t before = std::exchange(committed_at_, std::max(committed_at_, *committed_at));
    if (Checksum(*payload) != std::bit_cast<uint64_t>(*checksum))
      return "the payload does not match its checksum";
    if (*committed_at < before) return "it was committed before the event in front of it";
    if (!Scope::FromKey(*scope)) return "its scope is no tenant";
    if (*row_count < 0) return "its number of rows is negative";
    return std::nullopt;
  }

  Result<void> Compare(const Head& head) {
    const std::string place = fmt::format("topic {}", topic_no_);
    if (head.events != head.next_offset - head.low_water) {
      Found(place, fmt::format("the head counts {} events, and says offsets {} to {}", head.events,
                               head.low_water, head.next_offset));
    }
    // Events came or went since the head was read: then it says nothing about those that were.
    if (trimmed_ || expected_ > head.next_offset) return CheckNothingIsBeyond();
    if (head.bytes != bytes_) {
      Found(place, fmt::format("the head counts {} bytes, there are {}", head.bytes, bytes_));
    }
    if (committed_at_ > head.last_committed_at) Found(place, "the newest event is newer than the head says");
    return {};
  }

  Result<void> CheckNothingIsBeyond() {
    JAMMI_ASSIGN(const auto head, ReadHead());
    if (head && head->next_offset < expected_) {
      Found(Place(head->next_offset),
            fmt::format("{} events are beyond the head", expected_ - head->next_offset));
    }
    return {};
  }

  Database& database_;
  const int64_t topic_no_;
  CheckReport& report_;
  const std::function<void(const CheckFinding&)>& found_;
  int64_t expected_ = 0;  // the next offset
  int64_t low_water_ = 0;
  int64_t bytes_ = 0;
  int64_t committed_at_ = 0;
  bool trimmed_ = false;
  std::vector<Gap> gaps_;
};

// The first topic from `topic_no` on that has a head, or events.
Result<std::optional<int64_t>> NextTopic(Database& database, int64_t topic_no) {
  JAMMI_ASSIGN(const auto head, GetInt(database, fmt::format("SELECT min(topic_no) AS v FROM topic_heads"
                                                             " WHERE topic_no >= {}",
                                                             topic_no)));
  JAMMI_ASSIGN(const auto event, GetInt(database, fmt::format("SELECT min(event_key) AS v FROM events"
                                                              " WHERE event_key >= {}",
                                                              EventKey(topic_no, 0))));
  if (!event) return head;
  const int64_t of_event = *event >> kOffsetBits;
  return std::optional<int64_t>(head ? std::min(*head, of_event) : of_event);
}

// Keys whose events the log does not have, or has of another publisher. Each question is one statement, so
// that it sees one moment.
Result<void> CheckProducerKeys(Database& database, CheckReport& report,
                               const std::function<void(const CheckFinding&)>& found) {
  JAMMI_ASSIGN(const bool there, database.HasTable("producer_keys"));
  if (!there) return {};
  const auto check = [&](std::string_view what, std::string_view from) -> Result<void> {
    JAMMI_ASSIGN(const auto keys,
                 GetInt(database, fmt::format("SELECT count(*) AS v FROM producer_keys k {}", from)));
    if (keys.value_or(0) == 0) return {};
    ++report.findings;
    found({"producer_keys", fmt::format("{} {}", *keys, what)});
    return {};
  };
  JAMMI_TRY(
      check("are of no topic", "WHERE NOT EXISTS (SELECT 1 FROM topics t WHERE t.topic_no = k.topic_no)"));
  JAMMI_TRY(check("stand for events that the log does not retain",
                  "JOIN topic_heads h ON h.topic_no = k.topic_no"
                  " WHERE k.first_offset < h.low_water OR k.first_offset + k.events > h.next_offset"));
  return check("stand for events of another scope",
               "JOIN events e ON e.event_key = (k.topic_no << 40) + k.first_offset WHERE e.scope <> k.scope");
}

}  // namespace

Result<void> CheckEvents(Database& database, CheckReport& report,
                         const std::function<void(const CheckFinding&)>& found) {
  JAMMI_ASSIGN(const auto strays, GetInt(database, "SELECT count(*) AS v FROM events WHERE event_key < 0"));
  if (strays.value_or(0) > 0) {
    ++report.findings;
    found({"events", fmt::format("{} have a negative key", *strays)});
  }
  JAMMI_TRY(CheckProducerKeys(database, report, found));
  JAMMI_ASSIGN(auto topic_no, NextTopic(database, 0));
  while (topic_no) {
    JAMMI_TRY(TopicCheck(database, *topic_no, report, found).Run());
    if (*topic_no >= kMaxTopicNo) return {};
    JAMMI_ASSIGN(topic_no, NextTopic(database, *topic_no + 1));
  }
  return {};
}

}  // namespace jammi::admin
