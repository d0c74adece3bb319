#include "catalog/consumer_repo.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <tuple>

#include "catalog/arguments.h"
#include "catalog/backend_error.h"
#include "catalog/changes.h"
#include "catalog/event_log.h"
#include "catalog/listing.h"
#include "catalog/page_token.h"
#include "catalog/read_rows.h"
#include "catalog/run_again.h"

namespace jammi {
namespace {

constexpr size_t kConsumerMaxNameBytes = 128;
constexpr size_t kMaxPredicateBytes = 64 << 10;
constexpr uint64_t kMaxPosition = static_cast<uint64_t>(kMaxOffset) + 1;
constexpr std::string_view kConsumerList = "consumers";
constexpr std::string_view kConsumerKind = "consumer";

// --- Statements.

#define JAMMI_THIS_CONSUMER "topic_no = $1 AND scope = $2 AND name = $3"
#define JAMMI_INCARNATION "(SELECT incarnation FROM catalog_identity WHERE id = 1)"
#define JAMMI_CONSUMER_SELECT                                                                             \
  "SELECT t.topic_id, c.topic_no, c.scope, c.name, c.predicate, c.start_position, c.acked_position, "     \
  "c.incarnation, c.incarnation <> " JAMMI_INCARNATION                                                    \
  " AS needs_reset, h.next_offset, h.low_water, c.lease_holder, c.lease_epoch, c.lease_expires_at, "      \
  "COALESCE(" JAMMI_LEASE_LIVE                                                                            \
  ", FALSE) AS lease_live, c.created_at FROM consumers AS c JOIN topics AS t ON t.topic_no = c.topic_no " \
  "JOIN topic_heads AS h ON h.topic_no = c.topic_no WHERE c.topic_no = $1 AND c.scope = $2 AND "
#define JAMMI_SAME_HISTORY "incarnation = " JAMMI_INCARNATION
#define JAMMI_TAKE JAMMI_LEASE_TAKE("$4", "$5")
#define JAMMI_RENEW JAMMI_LEASE_RENEW("$6")
#define JAMMI_HELD JAMMI_LEASE_HELD("$4", "$5")
#define JAMMI_UNLEASED_OR(taken_over) \
  "(CAST(" taken_over " AS BIGINT) = 1 OR lease_holder IS NULL OR " JAMMI_LEASE_EXPIRED ")"

constexpr std::string_view kTopic =
    "SELECT t.topic_id, h.next_offset FROM topics AS t JOIN topic_heads AS h ON h.topic_no = t.topic_no "
    "WHERE t.topic_no = $1 AND t.scope IN ($2, '') AND t.dropped_at IS NULL";
constexpr std::string_view kConsumerInsert =
    "INSERT INTO consumers (topic_no, scope, name, predicate, start_position, acked_position, incarnation, "
    "lease_epoch, created_at) SELECT $1, $2, $3, $4, $5, $5, " JAMMI_INCARNATION
    ", clock.now, clock.now FROM (SELECT jammi_now() AS now) AS clock WHERE TRUE "
    "ON CONFLICT (topic_no, scope, name) DO NOTHING";
constexpr std::string_view kConsumerGet = JAMMI_CONSUMER_SELECT "c.name = $3";
constexpr std::string_view kConsumerPage = JAMMI_CONSUMER_SELECT "c.name > $3 ORDER BY c.name LIMIT $4";
constexpr std::string_view kConsumerEpoch = "SELECT lease_epoch FROM consumers WHERE " JAMMI_THIS_CONSUMER;
constexpr std::string_view kAttach =
    "UPDATE consumers SET " JAMMI_TAKE " WHERE " JAMMI_THIS_CONSUMER " AND " JAMMI_SAME_HISTORY
    " AND (lease_holder = $4 OR " JAMMI_UNLEASED_OR("$6") ")";
constexpr std::string_view kRenew = "UPDATE consumers SET " JAMMI_RENEW " WHERE " JAMMI_THIS_CONSUMER
                                    " AND " JAMMI_HELD " RETURNING lease_expires_at";
constexpr std::string_view kAck =
    "UPDATE consumers SET acked_position = $6"
    " WHERE " JAMMI_THIS_CONSUMER " AND " JAMMI_HELD " AND " JAMMI_SAME_HISTORY
    " AND acked_position < $6 AND $6 <= (SELECT next_offset FROM topic_heads WHERE topic_no = $1)";
constexpr std::string_view kDetach =
    "UPDATE consumers SET " JAMMI_LEASE_DROP " WHERE " JAMMI_THIS_CONSUMER " AND " JAMMI_HELD;
constexpr std::string_view kReset =
    "UPDATE consumers SET acked_position = $4, " JAMMI_SAME_HISTORY ", " JAMMI_LEASE_DROP
    " WHERE " JAMMI_THIS_CONSUMER " AND " JAMMI_UNLEASED_OR("$5");
constexpr std::string_view kConsumerDelete =
    "DELETE FROM consumers WHERE " JAMMI_THIS_CONSUMER " AND " JAMMI_UNLEASED_OR("$4");

constexpr std::array kConsumerStatements = {
    RepoStatement{"topic", kTopic, 2},       RepoStatement{"get", kConsumerGet, 3},
    RepoStatement{"page", kConsumerPage, 4}, RepoStatement{"epoch", kConsumerEpoch, 3},
    RepoStatement{"attach", kAttach, 6},     RepoStatement{"renew", kRenew, 6},
    RepoStatement{"ack", kAck, 6},           RepoStatement{"detach", kDetach, 5},
    RepoStatement{"reset", kReset, 5},       RepoStatement{"delete", kConsumerDelete, 4},
};

// --- Arguments.

Result<void> CheckTopicNo(int64_t topic_no) {
  if (topic_no >= 1 && topic_no <= kMaxTopicNo) return {};
  return InvalidArgument("topic_no", fmt::format("must be 1 to {}, not {}", kMaxTopicNo, topic_no));
}

Result<void> CheckKey(const ConsumerKey& key) {
  JAMMI_TRY(CheckTopicNo(key.topic_no));
  return CheckText("consumer name", key.name, 1, kConsumerMaxNameBytes);
}

Result<int64_t> CheckPosition(uint64_t position) {
  if (position <= kMaxPosition) return static_cast<int64_t>(position);
  return InvalidArgument("position", fmt::format("must be at most {}, not {}", kMaxPosition, position));
}

// --- Errors.

Error NotFound(const ConsumerKey& key) {
  return Error(ErrorCode::kNotFound, fmt::format("consumer '{}' not found", key.name));
}

Error BeyondHead(uint64_t position, uint64_t head) {
  return Error(ErrorCode::kFailedPrecondition,
               fmt::format("position {} is beyond the topic's head, {}", position, head));
}

Error Outdated(const StoredConsumer& consumer) {
  return Error(ErrorCode::kFailedPrecondition,
               fmt::format("consumer {} is at a position of incarnation {}, which is not the catalog's any "
                           "more: it must be reset",
                           consumer.name, consumer.incarnation),
               PositionOutdatedDetail{consumer.incarnation});
}

// Why somebody else could not have the consumer.
Error Held(const StoredConsumer& consumer) {
  if (!consumer.lease || !consumer.lease->live) {
    return Error(ErrorCode::kAborted, fmt::format("consumer {} was changed at the same time", consumer.name));
  }
  const auto& [token, expires_at, live] = *consumer.lease;
  return Error(ErrorCode::kFailedPrecondition,
               fmt::format("consumer {} is in use by {}", consumer.name, token.holder),
               LeaseHeldDetail{std::string(kConsumerKind), consumer.name, token.holder, expires_at});
}

// --- Rows.

Result<uint64_t> ReadPosition(const Row& row, std::string_view column) {
  JAMMI_ASSIGN(const auto position, row.Get<int64_t>(column));
  return static_cast<uint64_t>(position);  // the CHECKs keep it above zero
}

Result<std::optional<ConsumerLease>> ReadLease(const Row& row) {
  JAMMI_ASSIGN(auto holder, row.Get<std::optional<std::string>>("lease_holder"));
  if (!holder) return std::optional<ConsumerLease>();
  ConsumerLease lease;
  lease.token.holder = std::move(*holder);
  JAMMI_ASSIGN(lease.token.epoch, row.Get<int64_t>("lease_epoch"));
  JAMMI_ASSIGN(lease.expires_at, row.Get<int64_t>("lease_expires_at"));
  JAMMI_ASSIGN(lease.live, row.Get<bool>("lease_live"));
  return std::optional(std::move(lease));
}

Result<StoredConsumer> ReadConsumer(const Row& row) {
  StoredConsumer consumer;
  JAMMI_ASSIGN(const auto topic, row.Get<std::string_view>("topic_id"));
  JAMMI_ASSIGN(consumer.topic, TopicId::Parse(topic));
  JAMMI_ASSIGN(consumer.topic_no, row.Get<int64_t>("topic_no"));
  JAMMI_ASSIGN(consumer.name, row.Get<std::string_view>("name"));
  JAMMI_ASSIGN(const auto scope, row.Get<std::string_view>("scope"));
  JAMMI_ASSIGN(consumer.owner, Scope::FromKey(scope));
  JAMMI_ASSIGN(consumer.predicate, row.Get<std::string_view>("predicate"));
  JAMMI_ASSIGN(consumer.start, ReadPosition(row, "start_position"));
  JAMMI_ASSIGN(consumer.position, ReadPosition(row, "acked_position"));
  JAMMI_ASSIGN(consumer.incarnation, row.Get<std::string_view>("incarnation"));
  JAMMI_ASSIGN(consumer.needs_reset, row.Get<bool>("needs_reset"));
  JAMMI_ASSIGN(consumer.head, ReadPosition(row, "next_offset"));
  JAMMI_ASSIGN(consumer.low_water, ReadPosition(row, "low_water"));
  JAMMI_ASSIGN(consumer.lease, ReadLease(row));
  JAMMI_ASSIGN(consumer.created_at, row.Get<int64_t>("created_at"));
  return consumer;
}

// --- Steps of the verbs, each inside a transaction.

struct Topic {
  std::string id;
  uint64_t head = 0;
};

Result<std::optional<Topic>> FindTopic(Transaction& tx, const Scope& scope, int64_t topic_no) {
  return tx.QueryFirst(kTopic, {topic_no, scope.Key()}, [](const Row& row) -> Result<Topic> {
    Topic topic;
    JAMMI_ASSIGN(topic.id, row.Get<std::string_view>("topic_id"));
    JAMMI_ASSIGN(topic.head, ReadPosition(row, "next_offset"));
    return topic;
  });
}

Result<std::optional<StoredConsumer>> FindConsumer(Transaction& tx, const Scope& scope,
                                                   const ConsumerKey& key) {
  return tx.QueryFirst(kConsumerGet, {key.topic_no, scope.Key(), key.name}, ReadConsumer);
}

Result<StoredConsumer> GetConsumer(Transaction& tx, const Scope& scope, const ConsumerKey& key) {
  JAMMI_ASSIGN(auto consumer, FindConsumer(tx, scope, key));
  if (!consumer) return NotFound(key);
  return std::move(*consumer);
}

bool Holds(const StoredConsumer& consumer, const LeaseToken& token) {
  return consumer.lease && consumer.lease->live && consumer.lease->token == token;
}

Result<int64_t> EpochOf(Transaction& tx, const Scope& scope, const ConsumerKey& key) {
  JAMMI_ASSIGN(const auto epoch, tx.QueryFirst(kConsumerEpoch, {key.topic_no, scope.Key(), key.name},
                                               ReadColumn<int64_t>("lease_epoch")));
  return epoch.value_or(0);
}

// The error of a holder whose statement has found no lease of his.
Result<void> RefuseHolder(Transaction& tx, const Scope& scope, const ConsumerKey& key,
                          const LeaseToken& token) {
  JAMMI_ASSIGN(const int64_t epoch, EpochOf(tx, scope, key));
  return LeaseLost(kConsumerKind, key.name, token, epoch);
}

// Consumers of one name on several topics are told apart by the topic.
Result<void> Record(Transaction& tx, ChangeVerb verb, const Scope& owner, const Topic& topic,
                    std::string_view name) {
  const std::string full_name = fmt::format("{}/{}", topic.id, name);
  return RecordChange(tx, {.kind = kConsumerKind, .verb = verb, .owner = owner, .name = full_name});
}

Result<void> AckIn(Transaction& tx, const Scope& scope, const ConsumerKey& key, const LeaseToken& token,
                   int64_t position) {
  JAMMI_ASSIGN(const int64_t changed,
               tx.Execute(kAck, {key.topic_no, scope.Key(), key.name, token.holder, token.epoch, position}));
  if (changed == 1) return {};
  JAMMI_ASSIGN(const auto consumer, FindConsumer(tx, scope, key));
  if (!consumer || !Holds(*consumer, token)) return RefuseHolder(tx, scope, key, token);
  if (consumer->needs_reset) return Outdated(*consumer);
  const auto wanted = static_cast<uint64_t>(position);
  if (wanted > consumer->head) return BeyondHead(wanted, consumer->head);
  return {};  // it is there already
}

Result<void> DetachIn(Transaction& tx, const Scope& scope, const ConsumerKey& key, const LeaseToken& token) {
  JAMMI_ASSIGN(const int64_t dropped,
               tx.Execute(kDetach, {key.topic_no, scope.Key(), key.name, token.holder, token.epoch}));
  return dropped == 1 ? Result<void>() : RefuseHolder(tx, scope, key, token);
}

Result<void> SettleIn(Transaction& tx, const ConsumerSettlement& settlement) {
  const ConsumerKey key{settlement.topic_no, settlement.name};
  JAMMI_TRY(CheckKey(key));
  JAMMI_TRY(CheckLeaseToken(settlement.token));
  Result<void> acked;
  if (settlement.position) {
    JAMMI_ASSIGN(const int64_t position, CheckPosition(*settlement.position));
    acked = AckIn(tx, settlement.scope, key, settlement.token, position);
  }
  if (!settlement.release || (!acked && acked.error().As<LeaseLostDetail>() != nullptr)) return acked;
  const auto released = DetachIn(tx, settlement.scope, key, settlement.token);
  return acked ? released : acked;
}

// Of this one alone; after any other error the transaction cannot go on.
bool IsRefusal(const Error& error) {
  return error.As<BackendDetail>() == nullptr &&
         (error.code() == ErrorCode::kFailedPrecondition || error.code() == ErrorCode::kInvalidArgument);
}

}  // namespace

std::span<const RepoStatement> ConsumerStatements() { return kConsumerStatements; }

ConsumerRepo ConsumerRepo::WithDeadline(Deadline deadline) const {
  return ConsumerRepo(access_.Until(deadline));
}

Result<StoredConsumer> ConsumerRepo::Create(const CreateConsumerParams& params) {
  const ConsumerKey key{params.topic_no, params.name};
  JAMMI_TRY(CheckKey(key));
  JAMMI_TRY(CheckText("predicate", params.predicate, 0, kMaxPredicateBytes));
  if (params.start) JAMMI_TRY(CheckPosition(*params.start));
  const Scope& scope = access_.scope;
  return TransactReferring(access_, [&](Transaction& tx) -> Result<StoredConsumer> {
    JAMMI_ASSIGN(const auto topic, FindTopic(tx, scope, key.topic_no));
    if (!topic) return NoSuchTopic(key.topic_no);
    const uint64_t start = params.start.value_or(topic->head);
    if (start > topic->head) return BeyondHead(start, topic->head);
    JAMMI_ASSIGN(const int64_t inserted,
                 tx.Execute(kConsumerInsert, {key.topic_no, scope.Key(), key.name, params.predicate,
                                              static_cast<int64_t>(start)}));
    if (inserted == 0) {
      return Error(ErrorCode::kAlreadyExists, fmt::format("the topic has a consumer '{}' already", key.name));
    }
    JAMMI_TRY(Record(tx, ChangeVerb::kRegistered, scope, *topic, key.name));
    return GetConsumer(tx, scope, key);
  });
}

Result<StoredConsumer> ConsumerRepo::Get(const ConsumerKey& key) const {
  JAMMI_TRY(CheckKey(key));
  return access_.backend->Transact(access_.Reading(),
                                   [&](Transaction& tx) { return GetConsumer(tx, access_.scope, key); });
}

Result<Page<StoredConsumer>> ConsumerRepo::List(int64_t topic_no, int page_size,
                                                std::string_view page_token) const {
  JAMMI_TRY(CheckTopicNo(topic_no));
  JAMMI_TRY(CheckPageSize(page_size));
  std::string after;
  if (!page_token.empty()) {
    JAMMI_ASSIGN(auto fields, DecodePageToken(kConsumerList, "s", page_token));
    after = std::get<std::string>(std::move(fields[0]));
  }
  return access_.backend->Transact(access_.Reading(), [&](Transaction& tx) -> Result<Page<StoredConsumer>> {
    Page<StoredConsumer> page;
    JAMMI_TRY(tx.Query(kConsumerPage, {topic_no, access_.scope.Key(), after, page_size + int64_t{1}},
                       AppendTo(page.items, ReadConsumer)));
    CutPage(page, page_size,
            [](const StoredConsumer& last) { return EncodePageToken(kConsumerList, {last.name}); });
    return page;
  });
}

Result<StoredConsumer> ConsumerRepo::Attach(const ConsumerKey& key, std::string_view holder,
                                            std::chrono::microseconds duration, OnLeased on_leased) {
  JAMMI_TRY(CheckKey(key));
  JAMMI_TRY(CheckLeaseHolder(holder));
  JAMMI_ASSIGN(const int64_t micros, LeaseMicros(duration));
  const Scope& scope = access_.scope;
  return access_.backend->Transact(access_.Writing(), [&](Transaction& tx) -> Result<StoredConsumer> {
    JAMMI_ASSIGN(const int64_t taken, tx.Execute(kAttach, {key.topic_no, scope.Key(), key.name, holder,
                                                           micros, on_leased == OnLeased::kTakeOver}));
    JAMMI_ASSIGN(auto consumer, GetConsumer(tx, scope, key));
    if (taken == 1) return consumer;
    return consumer.needs_reset ? Outdated(consumer) : Held(consumer);
  });
}

Result<UnixMicros> ConsumerRepo::Renew(const ConsumerKey& key, const LeaseToken& token,
                                       std::chrono::microseconds duration) {
  JAMMI_TRY(CheckKey(key));
  JAMMI_TRY(CheckLeaseToken(token));
  JAMMI_ASSIGN(const int64_t micros, LeaseMicros(duration));
  const Scope& scope = access_.scope;
  return access_.backend->Transact(
      access_.Writing(Lane::kUrgent), [&](Transaction& tx) -> Result<UnixMicros> {
        JAMMI_ASSIGN(
            const auto expires_at,
            tx.QueryFirst(kRenew, {key.topic_no, scope.Key(), key.name, token.holder, token.epoch, micros},
                          ReadColumn<int64_t>("lease_expires_at")));
        if (!expires_at) JAMMI_TRY(RefuseHolder(tx, scope, key, token));
        return *expires_at;
      });
}

Result<void> ConsumerRepo::Ack(const ConsumerKey& key, const LeaseToken& token, uint64_t position) {
  JAMMI_TRY(CheckKey(key));
  JAMMI_TRY(CheckLeaseToken(token));
  JAMMI_ASSIGN(const int64_t acked, CheckPosition(position));
  return access_.backend->RunTransaction(
      access_.Writing(), [&](Transaction& tx) { return AckIn(tx, access_.scope, key, token, acked); });
}

Result<void> ConsumerRepo::Detach(const ConsumerKey& key, const LeaseToken& token) {
  JAMMI_TRY(CheckKey(key));
  JAMMI_TRY(CheckLeaseToken(token));
  return access_.backend->RunTransaction(
      access_.Writing(), [&](Transaction& tx) { return DetachIn(tx, access_.scope, key, token); });
}

Result<StoredConsumer> ConsumerRepo::Reset(const ConsumerKey& key, uint64_t position, OnLeased on_leased) {
  JAMMI_TRY(CheckKey(key));
  JAMMI_ASSIGN(const int64_t next, CheckPosition(position));
  const Scope& scope = access_.scope;
  return access_.backend->Transact(access_.Writing(), [&](Transaction& tx) -> Result<StoredConsumer> {
    JAMMI_ASSIGN(const auto topic, FindTopic(tx, scope, key.topic_no));
    if (!topic) return NotFound(key);
    if (position > topic->head) return BeyondHead(position, topic->head);
    JAMMI_ASSIGN(const int64_t changed, tx.Execute(kReset, {key.topic_no, scope.Key(), key.name, next,
                                                            on_leased == OnLeased::kTakeOver}));
    JAMMI_ASSIGN(auto consumer, GetConsumer(tx, scope, key));
    if (changed == 0) return Held(consumer);
    JAMMI_TRY(Record(tx, ChangeVerb::kUpdated, scope, *topic, key.name));
    return consumer;
  });
}

Result<void> ConsumerRepo::Delete(const ConsumerKey& key, OnLeased on_leased) {
  JAMMI_TRY(CheckKey(key));
  const Scope& scope = access_.scope;
  return access_.backend->RunTransaction(access_.Writing(), [&](Transaction& tx) -> Result<void> {
    JAMMI_ASSIGN(const auto topic, FindTopic(tx, scope, key.topic_no));
    if (!topic) return NotFound(key);
    JAMMI_ASSIGN(const int64_t deleted, tx.Execute(kConsumerDelete, {key.topic_no, scope.Key(), key.name,
                                                                     on_leased == OnLeased::kTakeOver}));
    if (deleted == 1) return Record(tx, ChangeVerb::kDeleted, scope, *topic, key.name);
    JAMMI_ASSIGN(const auto consumer, GetConsumer(tx, scope, key));
    return Held(consumer);
  });
}

Result<std::vector<Result<void>>> SettleConsumers(CatalogBackend& backend,
                                                  std::span<const ConsumerSettlement> settlements,
                                                  Deadline deadline) {
  // In the order of their keys: two who settle at once do not wait for one another in a circle.
  std::vector<size_t> order(settlements.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) {
    const ConsumerSettlement& each = settlements[i];
    return std::tuple(each.topic_no, each.scope.Key(), std::string_view(each.name));
  });
  return backend.Transact({.deadline = deadline}, [&](Transaction& tx) -> Result<std::vector<Result<void>>> {
    std::vector<Result<void>> outcomes(settlements.size());
    for (const size_t i : order) {
      outcomes[i] = SettleIn(tx, settlements[i]);
      if (!outcomes[i] && !IsRefusal(outcomes[i].error())) return outcomes[i].error();
    }
    return outcomes;
  });
}

}  // namespace jammi
