#include "catalog/all_scopes_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "catalog/event_key.h"
#include "catalog/log_page.h"

namespace jammi {
namespace {

constexpr std::string_view kHeads =
    "SELECT topic_no, low_water, next_offset FROM topic_heads ORDER BY topic_no";
constexpr std::string_view kAllScopesLogHead =
    "SELECT low_water, next_offset FROM topic_heads WHERE topic_no = $1";
constexpr std::string_view kEvents =
    "SELECT event_key, committed_at, scope, row_count, checksum, payload FROM events "
    "WHERE event_key >= $1 AND event_key < $2 ORDER BY event_key LIMIT $3";

constexpr std::array kAllScopesLogStatements = {RepoStatement{"head", kAllScopesLogHead, 1},
                                                RepoStatement{"events", kEvents, 3}};

Result<LogHead> ReadHead(const Row& row) {
  JAMMI_ASSIGN(const auto low_water, row.Get<int64_t>("low_water"));
  JAMMI_ASSIGN(const auto next_offset, row.Get<int64_t>("next_offset"));
  return LogHead{static_cast<uint64_t>(low_water), static_cast<uint64_t>(next_offset)};
}

Result<bool> AddEvent(LogPageBuilder& page, const Row& row) {
  LogPageBuilder::Row event;
  JAMMI_ASSIGN(event.event_key, row.Get<int64_t>("event_key"));
  JAMMI_ASSIGN(event.committed_at, row.Get<int64_t>("committed_at"));
  JAMMI_ASSIGN(event.scope, row.Get<std::string_view>("scope"));
  JAMMI_ASSIGN(event.row_count, row.Get<int64_t>("row_count"));
  JAMMI_ASSIGN(event.checksum, row.Get<int64_t>("checksum"));
  JAMMI_ASSIGN(event.payload, row.Get<SqlBytes>("payload"));
  return page.Add(event);
}

}  // namespace

std::span<const RepoStatement> AllScopesLogStatements() { return kAllScopesLogStatements; }

Result<std::vector<TopicHead>> ReadAllHeads(CatalogBackend& backend) {
  return backend.Transact({.read_only = true, .single_statement = true},
                          [](Transaction& tx) -> Result<std::vector<TopicHead>> {
                            std::vector<TopicHead> heads;
                            JAMMI_TRY(tx.Query(kHeads, {}, [&](const Row& row) -> Result<bool> {
                              TopicHead head;
                              JAMMI_ASSIGN(head.topic_no, row.Get<int64_t>("topic_no"));
                              JAMMI_ASSIGN(head.head, ReadHead(row));
                              heads.push_back(head);
                              return true;
                            }));
                            return heads;
                          });
}

// Head and events are of one moment: an event that was trimmed between the two would look like a damaged log.
Result<LogPage> ReadAllScopes(CatalogBackend& backend, int64_t topic_no, uint64_t from,
                              const PageLimit& limit) {
  const TxOptions options{.isolation = IsolationLevel::kRepeatableRead, .read_only = true};
  return backend.Transact(options, [&](Transaction& tx) -> Result<LogPage> {
    JAMMI_ASSIGN(const auto head, tx.QueryFirst(kAllScopesLogHead, {topic_no}, ReadHead));
    if (!head) return Error(ErrorCode::kNotFound, fmt::format("topic {} has no log", topic_no));
    LogPageBuilder page(topic_no, from, limit, *head);
    if (from < head->low_water || from >= head->next_offset) return page.Finish();
    JAMMI_TRY(tx.Query(kEvents,
                       {EventKey(topic_no, static_cast<int64_t>(from)),
                        EventKey(topic_no, static_cast<int64_t>(head->next_offset)), limit.events},
                       [&](const Row& row) { return AddEvent(page, row); }));
    return page.Finish();
  });
}

}  // namespace jammi
