#include "catalog/topic_repo.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "catalog/arguments.h"
#include "catalog/backend_error.h"
#include "catalog/changes.h"
#include "catalog/listing.h"
#include "catalog/page_token.h"
#include "catalog/read_rows.h"

namespace jammi {
namespace {

constexpr size_t kTopicMaxNameBytes = 512;
constexpr std::string_view kEnginePrefix = "jammi.";
constexpr std::string_view kTopicList = "topics";
constexpr size_t kMaxMetadataBytes = 64 << 10;

#define JAMMI_RETENTION_COLUMNS "max_age_us, max_bytes, max_events, keep_for_consumers"
#define JAMMI_TOPIC_COLUMNS                                                \
  "topic_no, topic_id, scope, name, schema, broker_metadata, created_at, " \
  "earlier_columns, " JAMMI_RETENTION_COLUMNS

constexpr std::string_view kTakeNumber =
    "UPDATE catalog_counters SET next_value = next_value + 1 WHERE name = 'topic_no' RETURNING next_value";
constexpr std::string_view kTopicInsert =
    "INSERT INTO topics (" JAMMI_TOPIC_COLUMNS
    ") VALUES ($1, $2, $3, $4, $5, $6, jammi_now(), '[]', $7, $8, $9, $10) RETURNING created_at";
constexpr std::string_view kTopicInsertHead = "INSERT INTO topic_heads (topic_no) VALUES ($1)";
// '' sorts before every tenant, so the scope's own topic comes first.
constexpr std::string_view kFindByName =
    "SELECT " JAMMI_TOPIC_COLUMNS
    " FROM topics WHERE name = $1 AND scope IN ($2, '') AND dropped_at IS NULL "
    "ORDER BY scope DESC LIMIT 1";
constexpr std::string_view kFindById =
    "SELECT " JAMMI_TOPIC_COLUMNS " FROM topics WHERE topic_id = $1 AND dropped_at IS NULL";
constexpr std::string_view kFindByNumber =
    "SELECT " JAMMI_TOPIC_COLUMNS " FROM topics WHERE topic_no = $1 AND dropped_at IS NULL";
constexpr std::string_view kAnyAfter =
    "SELECT " JAMMI_TOPIC_COLUMNS
    " FROM topics WHERE topic_no > $1 AND dropped_at IS NULL ORDER BY topic_no LIMIT $2";
constexpr std::string_view kTopicPage =
    "SELECT " JAMMI_TOPIC_COLUMNS
    " FROM topics WHERE scope = $1 AND dropped_at IS NULL "
    "AND (created_at, topic_id) > ($2, $3) AND topic_no <> $4 ORDER BY created_at, topic_id LIMIT $5";
// Whoever would change the row waits from here to the commit.
constexpr std::string_view kTopicHold =
    "UPDATE topics SET schema = schema WHERE topic_id = $1 AND scope = $2 AND dropped_at IS NULL "
    "RETURNING " JAMMI_TOPIC_COLUMNS;
constexpr std::string_view kSetSchema =
    "UPDATE topics SET schema = $2, earlier_columns = $3 WHERE topic_no = $1";
constexpr std::string_view kMarkDropped =
    "UPDATE topics SET dropped_at = jammi_now() WHERE topic_id = $1 AND scope = $2 AND dropped_at IS NULL "
    "RETURNING topic_no, name";
constexpr std::string_view kDeleteHead = "DELETE FROM topic_heads WHERE topic_no = $1";
constexpr std::string_view kSetRetention =
    "UPDATE topics SET max_age_us = $3, max_bytes = $4, max_events = $5, keep_for_consumers = $6 "
    "WHERE topic_id = $1 AND scope = $2 AND dropped_at IS NULL RETURNING " JAMMI_TOPIC_COLUMNS;
constexpr std::string_view kTopicCount =
    "SELECT COUNT(*) AS topics FROM topics WHERE scope = $1 AND dropped_at IS NULL "
    "AND substr(name, 1, 6) <> 'jammi.'";
constexpr std::string_view kStats =
    "SELECT t.scope, t.max_age_us, t.max_bytes, t.max_events, t.keep_for_consumers, h.low_water, "
    "h.next_offset, h.events, h.bytes, CASE WHEN h.events > 0 THEN h.last_committed_at END AS newest_at, "
    "(SELECT e.committed_at FROM events AS e WHERE e.event_key = (h.topic_no << 40) + h.low_water) "
    "AS oldest_at FROM topics AS t JOIN topic_heads AS h ON h.topic_no = t.topic_no "
    "WHERE t.topic_id = $1 AND t.dropped_at IS NULL";
constexpr std::string_view kRetainedBytes =
    "SELECT CAST(COALESCE(SUM(h.bytes), 0) AS BIGINT) AS bytes FROM topics AS t "
    "JOIN topic_heads AS h ON h.topic_no = t.topic_no WHERE t.scope = $1 AND t.dropped_at IS NULL";

Error TopicNotFound(std::string_view topic) {
  return Error(ErrorCode::kNotFound, fmt::format("topic not found: {}", topic),
               TopicNotFoundDetail{std::string(topic)});
}

Result<void> CheckName(std::string_view name) {
  JAMMI_TRY(CheckText("topic name", name, 1, kTopicMaxNameBytes));
  if (!IsEngineTopicName(name)) return {};
  return InvalidArgument(
      "topic name", fmt::format("must not begin with '{}': such topics are the engine's own", kEnginePrefix));
}

Result<std::string> MetadataJson(const std::map<std::string, std::string>& metadata) {
  size_t bytes = 0;
  for (const auto& [key, value] : metadata) {
    JAMMI_TRY(CheckText("a broker metadata key", key, 0, kMaxMetadataBytes));
    JAMMI_TRY(CheckText(fmt::format("broker metadata '{}'", key), value, 0, kMaxMetadataBytes));
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

Result<std::vector<int64_t>> ParseCounts(std::string_view topic, std::string_view text) {
  auto counts = ParseColumnCounts(text);
  if (counts) return *std::move(counts);
  return Error(ErrorCode::kDataLoss, fmt::format("topic {}: the list of earlier versions is damaged", topic),
               BackendDetail{BackendFault::kTypeConversion, "topics.earlier_columns", {}});
}

std::optional<int64_t> MicrosOf(const TopicRetention& retention) {
  if (!retention.max_age) return std::nullopt;
  return retention.max_age->count();
}

Result<void> CheckRetention(const TopicRetention& retention) {
  const auto check = [](std::string_view field, std::optional<int64_t> limit) -> Result<void> {
    if (limit.value_or(0) >= 0) return {};
    return InvalidArgument(field, fmt::format("must be 0 or more, not {}", *limit));
  };
  JAMMI_TRY(check("max_age", MicrosOf(retention)));
  JAMMI_TRY(check("max_bytes", retention.max_bytes));
  return check("max_events", retention.max_events);
}

Result<TopicRetention> ReadRetention(const Row& row) {
  TopicRetention retention;
  JAMMI_ASSIGN(const auto max_age, row.Get<std::optional<int64_t>>("max_age_us"));
  if (max_age) retention.max_age = std::chrono::microseconds(*max_age);
  JAMMI_ASSIGN(retention.max_bytes, row.Get<std::optional<int64_t>>("max_bytes"));
  JAMMI_ASSIGN(retention.max_events, row.Get<std::optional<int64_t>>("max_events"));
  JAMMI_ASSIGN(retention.keep_for_consumers, row.Get<std::optional<bool>>("keep_for_consumers"));
  return retention;
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
  JAMMI_ASSIGN(const auto earlier, row.Get<std::string_view>("earlier_columns"));

  const auto uuid = Uuid::Parse(id);
  if (!uuid) {
    return Error(ErrorCode::kDataLoss, fmt::format("stored topic id '{}' is no UUID", id),
                 BackendDetail{BackendFault::kTypeConversion, "topics.topic_id", {}});
  }
  topic.id = TopicId(*uuid);
  JAMMI_ASSIGN(topic.owner, Scope::FromKey(scope));
  topic.schema.assign(reinterpret_cast<const char*>(schema.data()), schema.size());
  JAMMI_ASSIGN(topic.broker_metadata, ParseMetadata(id, metadata));
  JAMMI_ASSIGN(topic.earlier_columns, ParseCounts(id, earlier));
  JAMMI_ASSIGN(topic.retention, ReadRetention(row));
  return topic;
}

// A page starts after a position: the first one before all of them.
struct TopicPosition {
  UnixMicros created_at = std::numeric_limits<UnixMicros>::min();
  std::string topic_id;
};

Result<TopicPosition> DecodeToken(std::string_view token) {
  TopicPosition position;
  if (token.empty()) return position;
  JAMMI_ASSIGN(auto fields, DecodePageToken(kTopicList, "is", token));
  return TopicPosition{std::get<int64_t>(fields[0]), std::get<std::string>(std::move(fields[1]))};
}

std::string EncodeToken(const StoredTopic& last) {
  return EncodePageToken(kTopicList, {last.created_at, last.id.ToString()});
}

bool ComesBefore(const StoredTopic& a, const StoredTopic& b) {
  return std::pair(a.created_at, a.id) < std::pair(b.created_at, b.id);
}

Result<void> RecordTopicChange(Transaction& tx, ChangeVerb verb, const Scope& owner, std::string_view name,
                               std::optional<int64_t> version = std::nullopt) {
  return jammi::RecordChange(
      tx, {.kind = "topic", .verb = verb, .owner = owner, .name = name, .version = version});
}

// Of no scope that could change anything, so that it is not found by one.
Result<void> RefuseChangesTopic(std::string_view topic_id) {
  if (topic_id != kChangesTopicId) return {};
  return Error(ErrorCode::kPermissionDenied, fmt::format("topic {} is the engine's own", kChangesTopicName));
}

// Inside the transaction that is about to change the topic.
Result<void> RefuseEnginesOwn(std::string_view name) {
  if (!IsEngineTopicName(name)) return {};
  return Error(ErrorCode::kPermissionDenied, fmt::format("topic '{}' is the engine's own", name));
}

constexpr std::array kTopicStatements = {RepoStatement{"find by name", kFindByName, 2},
                                         RepoStatement{"find by id", kFindById, 1},
                                         RepoStatement{"find by number", kFindByNumber, 1},
                                         RepoStatement{"any after", kAnyAfter, 2},
                                         RepoStatement{"page", kTopicPage, 5},
                                         RepoStatement{"hold", kTopicHold, 2},
                                         RepoStatement{"set schema", kSetSchema, 3},
                                         RepoStatement{"mark dropped", kMarkDropped, 2},
                                         RepoStatement{"set retention", kSetRetention, 6},
                                         RepoStatement{"count", kTopicCount, 1},
                                         RepoStatement{"stats", kStats, 1},
                                         RepoStatement{"retained bytes", kRetainedBytes, 1}};

// The number after the last one given to a topic, taken for good.
Result<int64_t> TakeTopicNumber(Transaction& tx) {
  JAMMI_ASSIGN(const auto next, tx.QueryFirst(kTakeNumber, {}, ReadColumn<int64_t>("next_value")));
  if (!next) return Error(ErrorCode::kDataLoss, "the catalog has no counter for topic numbers");
  if (*next > kChangesTopicNo) {
    return Error(ErrorCode::kResourceExhausted,
                 fmt::format("all {} topic numbers have been used", kChangesTopicNo - 1));
  }
  return *next - 1;
}

Error TooManyTopics(int64_t limit, int64_t used) {
  return Error(ErrorCode::kResourceExhausted,
               fmt::format("the quota of {} topics is used up; drop one to register another", limit),
               QuotaExceededDetail{.quota = "max_topics", .limit = limit, .used = used});
}

// Whoever registers has taken a number, whose row he holds until his transaction ends: nobody is between
// this look and its commit.
Result<void> CheckTopicQuota(Transaction& tx, const Scope& owner, int64_t max_topics) {
  JAMMI_ASSIGN(const auto topics, tx.QueryFirst(kTopicCount, {owner.Key()}, ReadColumn<int64_t>("topics")));
  if (topics.value_or(0) <= max_topics) return {};
  return TooManyTopics(max_topics, *topics - 1);
}

}  // namespace

TopicRetention Effective(const TopicRetention& own, const TopicRetention& defaults) {
  return {
      .max_age = own.max_age ? own.max_age : defaults.max_age,
      .max_bytes = own.max_bytes ? own.max_bytes : defaults.max_bytes,
      .max_events = own.max_events ? own.max_events : defaults.max_events,
      .keep_for_consumers = own.keep_for_consumers ? own.keep_for_consumers : defaults.keep_for_consumers};
}

bool IsEngineTopicName(std::string_view name) { return name.starts_with(kEnginePrefix); }

std::span<const RepoStatement> TopicStatements() { return kTopicStatements; }

std::optional<std::vector<int64_t>> ParseColumnCounts(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_array()) return std::nullopt;
  std::vector<int64_t> counts;
  for (const auto& count : json) {
    if (!count.is_number_integer()) return std::nullopt;
    counts.push_back(count.get<int64_t>());
    const int64_t before = counts.size() < 2 ? 0 : counts[counts.size() - 2];
    if (counts.back() <= before) return std::nullopt;
  }
  return counts;
}

Result<StoredTopic> TopicRepo::Register(const Scope& owner, std::string_view name, std::string_view schema,
                                        const std::map<std::string, std::string>& broker_metadata,
                                        const TopicRetention& retention, std::optional<int64_t> max_topics) {
  JAMMI_TRY(CheckName(name));
  JAMMI_TRY(CheckRetention(retention));
  return Insert({.name = std::string(name),
                 .owner = owner,
                 .schema = std::string(schema),
                 .broker_metadata = broker_metadata,
                 .retention = retention},
                max_topics);
}

Result<StoredTopic> TopicRepo::RegisterEngines(const Scope& owner, std::string_view name,
                                               std::string_view schema) {
  JAMMI_TRY(CheckText("topic name", name, 1, kTopicMaxNameBytes));
  if (!IsEngineTopicName(name)) {
    return InvalidArgument("topic name", fmt::format("of the engine's must begin with '{}'", kEnginePrefix));
  }
  return Insert({.name = std::string(name), .owner = owner, .schema = std::string(schema)}, std::nullopt);
}

Result<StoredTopic> TopicRepo::Insert(StoredTopic topic, std::optional<int64_t> max_topics) {
  topic.id = TopicId(Uuid::TimeOrderedV7(Clock::System()->Now() / 1000));
  JAMMI_ASSIGN(const std::string metadata, MetadataJson(topic.broker_metadata));
  const std::string owner = topic.owner.Key();
  const SqlBytes schema(reinterpret_cast<const uint8_t*>(topic.schema.data()), topic.schema.size());
  const TopicRetention& retention = topic.retention;
  const auto stored = backend_.RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    JAMMI_ASSIGN(topic.topic_no, TakeTopicNumber(tx));
    JAMMI_ASSIGN(const auto created_at,
                 tx.QueryFirst(kTopicInsert,
                               {topic.topic_no, topic.id.ToString(), owner, topic.name, schema, metadata,
                                MicrosOf(retention), retention.max_bytes, retention.max_events,
                                retention.keep_for_consumers},
                               ReadColumn<int64_t>("created_at")));
    topic.created_at = created_at.value_or(0);
    if (max_topics) JAMMI_TRY(CheckTopicQuota(tx, topic.owner, *max_topics));
    JAMMI_TRY(tx.Execute(kTopicInsertHead, {topic.topic_no}));
    return RecordTopicChange(tx, ChangeVerb::kRegistered, topic.owner, topic.name);
  });
  if (stored) return topic;
  if (!HasFault(stored.error(), BackendFault::kUnique)) return stored.error();
  return Error(ErrorCode::kAlreadyExists, fmt::format("topic '{}' exists already", topic.name),
               TopicExistsDetail{topic.name});
}

Result<StoredTopic> TopicRepo::FindOne(std::string_view sql, std::initializer_list<SqlValue> params,
                                       std::string_view asked) {
  auto topic = backend_.Transact({.read_only = true},
                                 [&](Transaction& tx) { return tx.QueryFirst(sql, params, ReadTopic); });
  if (!topic) return std::move(topic).error();
  if (!*topic) return TopicNotFound(asked);
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
  if (topic && !scope.Sees(topic->owner)) return TopicNotFound(id.ToString());
  return topic;
}

Result<StoredTopic> TopicRepo::AppendColumns(
    const Scope& owner, const TopicId& id,
    const std::function<Result<GrownSchema>(const StoredTopic& now)>& grow) {
  const std::string text = id.ToString();
  JAMMI_TRY(RefuseChangesTopic(text));
  return backend_.Transact({}, [&](Transaction& tx) -> Result<StoredTopic> {
    JAMMI_ASSIGN(auto topic, tx.QueryFirst(kTopicHold, {text, owner.Key()}, ReadTopic));
    if (!topic) return TopicNotFound(text);
    JAMMI_TRY(RefuseEnginesOwn(topic->name));
    JAMMI_ASSIGN(auto grown, grow(*topic));
    topic->schema = std::move(grown.schema);
    topic->earlier_columns.push_back(grown.columns_before);
    const std::string earlier = nlohmann::json(topic->earlier_columns).dump();
    const SqlBytes schema(reinterpret_cast<const uint8_t*>(topic->schema.data()), topic->schema.size());
    JAMMI_TRY(tx.Execute(kSetSchema, {topic->topic_no, schema, earlier}));
    const auto version = static_cast<int64_t>(topic->earlier_columns.size()) + 1;
    JAMMI_TRY(RecordTopicChange(tx, ChangeVerb::kUpdated, owner, topic->name, version));
    return *std::move(topic);
  });
}

Result<std::vector<StoredTopic>> TopicRepo::ListAny(int64_t after, int limit) {
  return backend_.Transact({.read_only = true, .single_statement = true},
                           [&](Transaction& tx) -> Result<std::vector<StoredTopic>> {
                             std::vector<StoredTopic> topics;
                             JAMMI_TRY(tx.Query(kAnyAfter, {after, limit}, AppendTo(topics, ReadTopic)));
                             return topics;
                           });
}

Result<Page<StoredTopic>> TopicRepo::List(const Scope& scope, int page_size, std::string_view page_token) {
  JAMMI_TRY(CheckPageSize(page_size));
  JAMMI_ASSIGN(const TopicPosition after, DecodeToken(page_token));
  return backend_.Transact({.read_only = true}, [&](Transaction& tx) {
    const auto query = [&](const std::string& owner, int64_t limit, std::vector<StoredTopic>& topics) {
      return tx.Query(kTopicPage, {owner, after.created_at, after.topic_id, kChangesTopicNo, limit},
                      AppendTo(topics, ReadTopic));
    };
    return ReadVisiblePage<StoredTopic>(scope, page_size, query, ComesBefore, EncodeToken);
  });
}

Result<int64_t> TopicRepo::Drop(const Scope& owner, const TopicId& id,
                                const std::function<void(int64_t topic_no)>& committed) {
  const std::string text = id.ToString();
  JAMMI_TRY(RefuseChangesTopic(text));
  struct Marked {
    int64_t topic_no = 0;
    std::string name;
  };
  return backend_.Transact({}, [&](Transaction& tx) -> Result<int64_t> {
    JAMMI_ASSIGN(const auto marked,
                 tx.QueryFirst(kMarkDropped, {text, owner.Key()}, [](const Row& row) -> Result<Marked> {
                   JAMMI_ASSIGN(const auto topic_no, row.Get<int64_t>("topic_no"));
                   JAMMI_ASSIGN(auto name, row.Get<std::string>("name"));
                   return Marked{topic_no, std::move(name)};
                 }));
    if (!marked) return TopicNotFound(text);
    JAMMI_TRY(RefuseEnginesOwn(marked->name));
    JAMMI_TRY(tx.Execute(kDeleteHead, {marked->topic_no}));
    JAMMI_TRY(RecordTopicChange(tx, ChangeVerb::kDeleted, owner, marked->name));
    tx.AfterCommit([committed, topic_no = marked->topic_no] { committed(topic_no); });
    return marked->topic_no;
  });
}

Result<StoredTopic> TopicRepo::SetRetention(const Scope& owner, const TopicId& id,
                                            const TopicRetention& retention) {
  JAMMI_TRY(CheckRetention(retention));
  const std::string text = id.ToString();
  JAMMI_TRY(RefuseChangesTopic(text));
  return backend_.Transact({}, [&](Transaction& tx) -> Result<StoredTopic> {
    JAMMI_ASSIGN(auto topic, tx.QueryFirst(kSetRetention,
                                           {text, owner.Key(), MicrosOf(retention), retention.max_bytes,
                                            retention.max_events, retention.keep_for_consumers},
                                           ReadTopic));
    if (!topic) return TopicNotFound(text);
    JAMMI_TRY(RefuseEnginesOwn(topic->name));
    JAMMI_TRY(RecordTopicChange(tx, ChangeVerb::kUpdated, owner, topic->name));
    return std::move(*topic);
  });
}

Result<TopicStats> TopicRepo::Stats(const Scope& scope, const TopicId& id, const TopicRetention& defaults) {
  const std::string text = id.ToString();
  const auto read = [&](const Row& row) -> Result<std::optional<TopicStats>> {
    JAMMI_ASSIGN(const auto key, row.Get<std::string>("scope"));
    JAMMI_ASSIGN(const Scope owner, Scope::FromKey(key));
    if (!scope.Sees(owner)) return std::optional<TopicStats>();
    TopicStats stats;
    JAMMI_ASSIGN(const auto low_water, row.Get<int64_t>("low_water"));
    JAMMI_ASSIGN(const auto next_offset, row.Get<int64_t>("next_offset"));
    JAMMI_ASSIGN(const auto events, row.Get<int64_t>("events"));
    JAMMI_ASSIGN(const auto bytes, row.Get<int64_t>("bytes"));
    JAMMI_ASSIGN(stats.oldest_at, row.Get<std::optional<int64_t>>("oldest_at"));
    JAMMI_ASSIGN(stats.newest_at, row.Get<std::optional<int64_t>>("newest_at"));
    JAMMI_ASSIGN(const TopicRetention own, ReadRetention(row));
    stats.low_water = static_cast<uint64_t>(low_water);
    stats.next_offset = static_cast<uint64_t>(next_offset);
    stats.events = static_cast<uint64_t>(events);
    if (scope == owner) stats.bytes = static_cast<uint64_t>(bytes);
    stats.retention = Effective(own, defaults);
    return std::optional(stats);
  };
  JAMMI_ASSIGN(const auto stats, backend_.Transact({.read_only = true}, [&](Transaction& tx) {
    return tx.QueryFirst(kStats, {text}, read);
  }));
  if (!stats || !*stats) return TopicNotFound(text);
  return **stats;
}

Result<int64_t> TopicRepo::RetainedBytes(const Scope& owner) {
  JAMMI_ASSIGN(const auto bytes, backend_.Transact({.read_only = true}, [&](Transaction& tx) {
    return tx.QueryFirst(kRetainedBytes, {owner.Key()}, ReadColumn<int64_t>("bytes"));
  }));
  return bytes.value_or(0);
}

}  // namespace jammi
