#include "catalog/topic_repo.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace jammi {
namespace {

constexpr size_t kMaxNameBytes = 512;
constexpr size_t kMaxMetadataBytes = 64 << 10;
constexpr int kMaxPageSize = 1000;
constexpr int64_t kMaxTopics = int64_t{1} << 23;
// An event's key is its topic's number and its offset (docs/formats.md).
constexpr int kOffsetBits = 40;
// One step of a purge holds the writer for so much at most.
constexpr int64_t kPurgeEvents = 1024;
constexpr int64_t kPurgeBytes = 1 << 20;

#define JAMMI_TOPIC_COLUMNS "topic_no, topic_id, scope, name, schema, broker_metadata, created_at"

constexpr std::string_view kTakeNumber =
    "UPDATE catalog_counters SET next_value = next_value + 1 WHERE name = 'topic_no' RETURNING next_value";
constexpr std::string_view kInsert =
    "INSERT INTO topics (" JAMMI_TOPIC_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7)";
constexpr std::string_view kInsertHead = "INSERT INTO topic_heads (topic_no) VALUES ($1)";
// '' sorts before every tenant, so the scope's own topic comes first.
constexpr std::string_view kFindByName =
    "SELECT " JAMMI_TOPIC_COLUMNS
    " FROM topics WHERE name = $1 AND scope IN ($2, '') AND dropped_at IS NULL "
    "ORDER BY scope DESC LIMIT 1";
constexpr std::string_view kFindById =
    "SELECT " JAMMI_TOPIC_COLUMNS " FROM topics WHERE topic_id = $1 AND dropped_at IS NULL";
constexpr std::string_view kFindByNumber =
    "SELECT " JAMMI_TOPIC_COLUMNS " FROM topics WHERE topic_no = $1 AND dropped_at IS NULL";
constexpr std::string_view kPage =
    "SELECT " JAMMI_TOPIC_COLUMNS
    " FROM topics WHERE scope = $1 AND dropped_at IS NULL "
    "AND (created_at, topic_id) > ($2, $3) ORDER BY created_at, topic_id LIMIT $4";
constexpr std::string_view kMarkDropped =
    "UPDATE topics SET dropped_at = $1 WHERE topic_id = $2 AND scope = $3 AND dropped_at IS NULL RETURNING "
    "topic_no";
constexpr std::string_view kDeleteHead = "DELETE FROM topic_heads WHERE topic_no = $1";
constexpr std::string_view kFirstDropped =
    "SELECT topic_no FROM topics WHERE dropped_at IS NOT NULL ORDER BY topic_no LIMIT 1";
constexpr std::string_view kOldestEvents =
    "SELECT event_key, length(payload) AS bytes FROM events WHERE event_key >= $1 AND event_key < $2 "
    "ORDER BY event_key LIMIT $3";
constexpr std::string_view kDeleteEvents = "DELETE FROM events WHERE event_key >= $1 AND event_key <= $2";
constexpr std::string_view kDeleteTopic = "DELETE FROM topics WHERE topic_no = $1";

Error NotFound(std::string_view topic) {
  return Error(ErrorCode::kNotFound, fmt::format("topic not found: {}", topic),
               TopicNotFoundDetail{std::string(topic)});
}

Result<void> CheckText(std::string_view what, std::string_view text) {
  if (IsValidUtf8(text) && text.find('\0') == std::string_view::npos) return {};
  return Error(ErrorCode::kInvalidArgument, fmt::format("{} is not UTF-8 text or contains U+0000", what));
}

Result<void> CheckName(std::string_view name) {
  if (name.empty()) return Error(ErrorCode::kInvalidArgument, "topic name: name is required");
  if (name.size() > kMaxNameBytes) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("topic name: {} bytes, more than {}", name.size(), kMaxNameBytes));
  }
  return CheckText("topic name", name);
}

Result<std::string> MetadataJson(const std::map<std::string, std::string>& metadata) {
  size_t bytes = 0;
  for (const auto& [key, value] : metadata) {
    JAMMI_TRY(CheckText("a broker metadata key", key));
    JAMMI_TRY(CheckText(fmt::format("broker metadata '{}'", key), value));
    bytes += key.size() + value.size();
  }
  if (bytes > kMaxMetadataBytes) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("broker metadata: {} bytes, more than {}", bytes, kMaxMetadataBytes));
  }
  return nlohmann::json(metadata).dump();
}

Result<std::map<std::string, std::string>> ParseMetadata(std::string_view topic, std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const Error damaged(ErrorCode::kDataLoss, fmt::format("topic {}: broker metadata is damaged", topic),
                      BackendDetail{BackendFault::kTypeConversion, "topics.broker_metadata", {}});
  if (!json.is_object()) return damaged;
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string()) return damaged;
    metadata.emplace(key, value.get<std::string>());
  }
  return metadata;
}

Result<StoredTopic> ReadTopic(const Row& row) {
  StoredTopic topic;
  JAMMI_ASSIGN(topic.topic_no, row.Get<int64_t>("topic_no"));
  JAMMI_ASSIGN(const auto id, row.Get<std::string>("topic_id"));
  JAMMI_ASSIGN(const auto scope, row.Get<std::string>("scope"));
  JAMMI_ASSIGN(topic.name, row.Get<std::string>("name"));
  JAMMI_ASSIGN(const auto schema, row.Get<SqlBytes>("schema"));
  JAMMI_ASSIGN(const auto metadata, row.Get<std::string_view>("broker_metadata"));
  JAMMI_ASSIGN(topic.created_at, row.Get<int64_t>("created_at"));

  const auto uuid = Uuid::Parse(id);
  if (!uuid) {
    return Error(ErrorCode::kDataLoss, fmt::format("stored topic id '{}' is no UUID", id),
                 BackendDetail{BackendFault::kTypeConversion, "topics.topic_id", {}});
  }
  topic.id = TopicId(*uuid);
  JAMMI_ASSIGN(topic.owner, Scope::FromKey(scope));
  topic.schema.assign(reinterpret_cast<const char*>(schema.data()), schema.size());
  JAMMI_ASSIGN(topic.broker_metadata, ParseMetadata(id, metadata));
  return topic;
}

// A page token is "<created_at>.<topic id>" of the last topic on the page before.
struct PageStart {
  int64_t created_at = INT64_MIN;
  std::string topic_id;
};

Result<PageStart> ParsePageToken(std::string_view token) {
  PageStart start;
  if (token.empty()) return start;
  const auto dot = token.find('.');
  const std::string_view time = token.substr(0, dot);
  const auto [end, error] = std::from_chars(time.data(), time.data() + time.size(), start.created_at);
  const auto id = dot == std::string_view::npos ? std::nullopt : Uuid::Parse(token.substr(dot + 1));
  if (error != std::errc() || end != time.data() + time.size() || !id) {
    return Error(ErrorCode::kInvalidArgument, fmt::format("page token '{}' is none of ours", token));
  }
  start.topic_id = id->ToString();
  return start;
}

std::pair<UnixMicros, TopicId> PageKey(const StoredTopic& topic) { return {topic.created_at, topic.id}; }

// Appends an owner's next topics.
Result<void> AddPage(Transaction& tx, const Scope& owner, const PageStart& start, int64_t limit,
                     std::vector<StoredTopic>& topics) {
  return tx.Query(kPage, {owner.Key(), start.created_at, start.topic_id, limit},
                  [&](const Row& row) -> Result<bool> {
                    JAMMI_ASSIGN(auto topic, ReadTopic(row));
                    topics.push_back(std::move(topic));
                    return true;
                  });
}

std::string PageToken(const StoredTopic& last) {
  return fmt::format("{}.{}", last.created_at, last.id.ToString());
}

constexpr std::array kStatements = {
    TopicStatement{"find by name", kFindByName, 2},     TopicStatement{"find by id", kFindById, 1},
    TopicStatement{"find by number", kFindByNumber, 1}, TopicStatement{"page", kPage, 4},
    TopicStatement{"mark dropped", kMarkDropped, 3},    TopicStatement{"first dropped", kFirstDropped, 0},
    TopicStatement{"oldest events", kOldestEvents, 3},  TopicStatement{"delete events", kDeleteEvents, 2}};

// The number after the last one given to a topic, taken for good.
Result<int64_t> TakeTopicNumber(Transaction& tx) {
  JAMMI_ASSIGN(const auto next,
               tx.QueryFirst(kTakeNumber, {}, [](const Row& row) { return row.Get<int64_t>("next_value"); }));
  if (!next) return Error(ErrorCode::kDataLoss, "the catalog has no counter for topic numbers");
  if (*next > kMaxTopics) {
    return Error(ErrorCode::kResourceExhausted,
                 fmt::format("all {} topic numbers have been used", kMaxTopics - 1));
  }
  return *next - 1;
}

// The key of the last of a topic's oldest events that one step may delete; nullopt when it has none.
Result<std::optional<int64_t>> LastToPurge(Transaction& tx, int64_t first_key, int64_t end_key) {
  std::optional<int64_t> last;
  int64_t bytes = 0;
  JAMMI_TRY(tx.Query(kOldestEvents, {first_key, end_key, kPurgeEvents}, [&](const Row& row) -> Result<bool> {
    JAMMI_ASSIGN(last, row.Get<int64_t>("event_key"));
    JAMMI_ASSIGN(const int64_t size, row.Get<int64_t>("bytes"));
    bytes += size;
    return bytes < kPurgeBytes;
  }));
  return last;
}

}  // namespace

std::span<const TopicStatement> TopicStatements() { return kStatements; }

Result<StoredTopic> TopicRepo::Register(const Scope& owner, std::string_view name, std::string_view schema,
                                        const std::map<std::string, std::string>& broker_metadata) {
  JAMMI_TRY(CheckName(name));
  JAMMI_ASSIGN(const std::string metadata, MetadataJson(broker_metadata));
  const UnixMicros now = clock_->Now();
  StoredTopic topic{.id = TopicId(Uuid::TimeOrderedV7(now / 1000)),
                    .name = std::string(name),
                    .owner = owner,
                    .schema = std::string(schema),
                    .broker_metadata = broker_metadata,
                    .created_at = now};
  const SqlBytes schema_bytes(reinterpret_cast<const uint8_t*>(schema.data()), schema.size());
  auto topic_no = backend_.Transact({}, [&](Transaction& tx) -> Result<int64_t> {
    JAMMI_ASSIGN(const int64_t number, TakeTopicNumber(tx));
    JAMMI_TRY(
        tx.Execute(kInsert, {number, topic.id.ToString(), owner.Key(), name, schema_bytes, metadata, now}));
    JAMMI_TRY(tx.Execute(kInsertHead, {number}));
    return number;
  });
  if (!topic_no) {
    const auto* refused = topic_no.error().As<BackendDetail>();
    if (refused == nullptr || refused->fault != BackendFault::kUnique) return std::move(topic_no).error();
    return Error(ErrorCode::kAlreadyExists, fmt::format("topic '{}' exists already", name),
                 TopicExistsDetail{std::string(name)});
  }
  topic.topic_no = *topic_no;
  return topic;
}

Result<StoredTopic> TopicRepo::FindOne(std::string_view sql, std::initializer_list<SqlValue> params,
                                       std::string_view asked) {
  auto topic = backend_.Transact({.read_only = true},
                                 [&](Transaction& tx) { return tx.QueryFirst(sql, params, ReadTopic); });
  if (!topic) return std::move(topic).error();
  if (!*topic) return NotFound(asked);
  return std::move(**topic);
}

Result<StoredTopic> TopicRepo::FindByName(const Scope& scope, std::string_view name) {
  return FindOne(kFindByName, {name, scope.Key()}, name);
}

Result<StoredTopic> TopicRepo::FindAnyById(const TopicId& id) {
  const std::string text = id.ToString();
  return FindOne(kFindById, {text}, text);
}

Result<StoredTopic> TopicRepo::FindAnyByNumber(int64_t topic_no) {
  return FindOne(kFindByNumber, {topic_no}, fmt::format("number {}", topic_no));
}

Result<StoredTopic> TopicRepo::FindById(const Scope& scope, const TopicId& id) {
  auto topic = FindAnyById(id);
  if (topic && !scope.Sees(topic->owner)) return NotFound(id.ToString());
  return topic;
}

Result<StoredTopicPage> TopicRepo::List(const Scope& scope, int page_size, std::string_view page_token) {
  if (page_size < 1 || page_size > kMaxPageSize) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("page size {}: expected 1 to {}", page_size, kMaxPageSize));
  }
  JAMMI_ASSIGN(const PageStart start, ParsePageToken(page_token));
  // One topic more than asked tells whether there is another page.
  const int64_t limit = int64_t{page_size} + 1;
  return backend_.Transact({.read_only = true}, [&](Transaction& tx) -> Result<StoredTopicPage> {
    StoredTopicPage page;
    JAMMI_TRY(AddPage(tx, scope, start, limit, page.topics));
    if (!scope.is_global()) {
      const auto own = std::ssize(page.topics);
      JAMMI_TRY(AddPage(tx, Scope::Global(), start, limit, page.topics));
      std::ranges::inplace_merge(page.topics, page.topics.begin() + own, {}, PageKey);
    }
    if (std::ssize(page.topics) >= limit) {
      page.topics.erase(page.topics.begin() + page_size, page.topics.end());
      page.next_page_token = PageToken(page.topics.back());
    }
    return page;
  });
}

Result<int64_t> TopicRepo::Drop(const Scope& owner, const TopicId& id,
                                const std::function<void(int64_t topic_no)>& committed) {
  const UnixMicros now = clock_->Now();
  return backend_.Transact({}, [&](Transaction& tx) -> Result<int64_t> {
    JAMMI_ASSIGN(const auto topic_no,
                 tx.QueryFirst(kMarkDropped, {now, id.ToString(), owner.Key()},
                               [](const Row& row) { return row.Get<int64_t>("topic_no"); }));
    if (!topic_no) return NotFound(id.ToString());
    JAMMI_TRY(tx.Execute(kDeleteHead, {*topic_no}));
    tx.AfterCommit([committed, topic_no = *topic_no] { committed(topic_no); });
    return *topic_no;
  });
}

Result<bool> TopicRepo::PurgeStep(Deadline deadline) {
  return backend_.Transact({.lane = Lane::kBulk, .deadline = deadline}, [&](Transaction& tx) -> Result<bool> {
    JAMMI_ASSIGN(const auto topic_no, tx.QueryFirst(kFirstDropped, {}, [](const Row& row) {
      return row.Get<int64_t>("topic_no");
    }));
    if (!topic_no) return false;
    const int64_t first = *topic_no << kOffsetBits;
    JAMMI_ASSIGN(const auto last, LastToPurge(tx, first, first + ((int64_t{1} << kOffsetBits) - 1)));
    JAMMI_TRY(last ? tx.Execute(kDeleteEvents, {first, *last}) : tx.Execute(kDeleteTopic, {*topic_no}));
    return true;
  });
}

}  // namespace jammi
