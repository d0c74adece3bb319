#include "catalog/channel_repo.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>

#include "catalog/arguments.h"
#include "catalog/changes.h"
#include "catalog/channel_merge.h"
#include "catalog/enum_text.h"
#include "catalog/listing.h"
#include "catalog/page_token.h"

namespace jammi {
namespace {

constexpr size_t kMaxColumnNameBytes = 256;
constexpr std::string_view kChannelList = "channels";

// --- Statements. A channel comes with its columns, a row for each; one row if it has none.

#define JAMMI_CHANNEL_COLUMNS "scope, channel, priority, revision, created_at, updated_at"
#define JAMMI_WITH_COLUMNS(channels, whose)                                                          \
  "SELECT c.scope, c.channel, c.priority, c.revision, c.created_at, c.updated_at, k.column_name, "   \
  "k.column_type FROM " channels " AS c LEFT JOIN evidence_channel_columns AS k ON k.scope = " whose \
  " AND k.channel = c.channel "

constexpr std::string_view kChannelInsert =
    "INSERT INTO evidence_channels (" JAMMI_CHANNEL_COLUMNS
    ") SELECT $1, $2, $3, 1, clock.now, clock.now FROM (SELECT jammi_now() AS now) AS clock WHERE TRUE "
    "ON CONFLICT (scope, channel) DO NOTHING RETURNING " JAMMI_CHANNEL_COLUMNS;
constexpr std::string_view kInsertColumn =
    "INSERT INTO evidence_channel_columns (scope, channel, column_name, column_type, ordinal, declared_at) "
    "VALUES ($1, $2, $3, $4, $5, $6)";
// Whoever else adds columns to the channel waits here until this transaction has ended.
constexpr std::string_view kChannelTouch =
    "UPDATE evidence_channels SET revision = revision + 1, updated_at = jammi_now() "
    "WHERE scope = $1 AND channel = $2";
constexpr std::string_view kChannelGet =
    JAMMI_WITH_COLUMNS("evidence_channels", "$1") "WHERE c.scope = $1 AND c.channel = $2 ORDER BY k.ordinal";

// The reader is $1. Global channels that one of his own hides are left out.
#define JAMMI_CHANNEL_PAGE(whose, also)                                                                     \
  JAMMI_WITH_COLUMNS("(SELECT " JAMMI_CHANNEL_COLUMNS " FROM evidence_channels AS e WHERE e.scope = " whose \
                     " AND (e.priority, e.channel) > ($2, $3) " also                                        \
                     "ORDER BY e.priority, e.channel LIMIT $4)",                                            \
                     whose)                                                                                 \
  "ORDER BY c.priority, c.channel, k.ordinal"

constexpr std::string_view kChannelOwnPage = JAMMI_CHANNEL_PAGE("$1", "");
constexpr std::string_view kChannelGlobalPage =
    JAMMI_CHANNEL_PAGE("''",
                       "AND NOT EXISTS (SELECT 1 FROM evidence_channels AS own "
                       "WHERE own.scope = $1 AND own.channel = e.channel) ");

constexpr std::array<RepoStatement, 6> kChannelStatements = {{
    {"insert", kChannelInsert, 3},
    {"insert column", kInsertColumn, 6},
    {"touch", kChannelTouch, 2},
    {"get", kChannelGet, 2},
    {"own page", kChannelOwnPage, 4},
    {"global page", kChannelGlobalPage, 4},
}};

// --- Errors and checks.

Error Refused(ErrorCode code, std::string_view what, ChannelDetail detail) {
  std::string message = fmt::format("channel '{}': {}", detail.channel, what);
  return Error(code, std::move(message), std::move(detail));
}

Error NotRegistered(const ChannelId& id) {
  return Refused(ErrorCode::kNotFound, "not registered",
                 {.fault = ChannelFault::kNotRegistered, .channel = id.text()});
}

// `column` has the name of `declared`.
Error Redeclared(const ChannelId& id, const ChannelColumn& declared, const ChannelColumn& column) {
  ChannelDetail detail{.fault = ChannelFault::kColumnAlreadyDeclared,
                       .channel = id.text(),
                       .column = column.name,
                       .existing = std::string(ToString(declared.type)),
                       .requested = std::string(ToString(column.type))};
  if (column.type == declared.type) {
    return Refused(ErrorCode::kAlreadyExists, fmt::format("column '{}' already declared", column.name),
                   std::move(detail));
  }
  detail.fault = ChannelFault::kColumnConflict;
  const auto what = fmt::format("column '{}' was declared {}, cannot redeclare as {}", column.name,
                                detail.existing, detail.requested);
  return Refused(ErrorCode::kFailedPrecondition, what, std::move(detail));
}

Result<void> CheckColumns(const std::vector<ChannelColumn>& columns) {
  if (columns.size() > Channels::kMaxColumns) {
    return InvalidArgument("columns",
                           fmt::format("are {}, more than {}", columns.size(), Channels::kMaxColumns));
  }
  for (const auto& column : columns) {
    JAMMI_TRY(CheckText("name of a column", column.name, 1, kMaxColumnNameBytes));
    if (ToString(column.type).empty())
      return InvalidArgument("type of a column", "is none of the known types");
  }
  return {};
}

// Appends `columns` to those that are declared.
Result<void> Declare(const ChannelId& id, const std::vector<ChannelColumn>& columns,
                     std::vector<ChannelColumn>& declared) {
  for (const auto& column : columns) {
    const auto same = std::ranges::find(declared, column.name, &ChannelColumn::name);
    if (same != declared.end()) return Redeclared(id, *same, column);
    declared.push_back(column);
  }
  if (declared.size() <= Channels::kMaxColumns) return {};
  return Error(ErrorCode::kFailedPrecondition,
               fmt::format("channel '{}': {} columns, more than {}", id.text(), declared.size(),
                           Channels::kMaxColumns));
}

// --- Rows.

Result<ChannelRecord> ReadChannel(const Row& row) {
  JAMMI_ASSIGN(auto id, ReadEnum(row, "channel", ChannelId::Parse));
  ChannelRecord channel{.id = std::move(id)};
  JAMMI_ASSIGN(const auto scope, row.Get<std::string_view>("scope"));
  JAMMI_ASSIGN(channel.owner, Scope::FromKey(scope));
  JAMMI_ASSIGN(channel.priority, row.Get<int32_t>("priority"));
  JAMMI_ASSIGN(channel.revision, row.Get<int64_t>("revision"));
  JAMMI_ASSIGN(channel.created_at, row.Get<int64_t>("created_at"));
  JAMMI_ASSIGN(channel.updated_at, row.Get<int64_t>("updated_at"));
  return channel;
}

// Reads rows of JAMMI_WITH_COLUMNS. They come channel by channel, each by ordinal.
Result<void> ReadChannels(Transaction& tx, std::string_view sql, std::initializer_list<SqlValue> params,
                          std::vector<ChannelRecord>& channels) {
  const size_t first = channels.size();
  return tx.Query(sql, params, [&](const Row& row) -> Result<bool> {
    JAMMI_ASSIGN(const auto name, row.Get<std::string_view>("channel"));
    if (channels.size() == first || channels.back().id.text() != name) {
      JAMMI_ASSIGN(auto channel, ReadChannel(row));
      channels.push_back(std::move(channel));
    }
    JAMMI_ASSIGN(auto column, row.Get<std::optional<std::string>>("column_name"));
    if (!column) return true;
    JAMMI_ASSIGN(const auto type, ReadEnum(row, "column_type", ParseChannelColumnType));
    channels.back().columns.push_back({std::move(*column), type});
    return true;
  });
}

Result<ChannelRecord> FindOwned(Transaction& tx, const Scope& owner, const ChannelId& id) {
  std::vector<ChannelRecord> found;
  JAMMI_TRY(ReadChannels(tx, kChannelGet, {owner.Key(), id.text()}, found));
  return found.empty() ? NotRegistered(id) : Result<ChannelRecord>(std::move(found.front()));
}

Result<ChannelRecord> FindVisible(Transaction& tx, const Scope& reader, const ChannelId& id) {
  auto own = FindOwned(tx, reader, id);
  if (own || reader.is_global() || own.error().code() != ErrorCode::kNotFound) return own;
  return FindOwned(tx, Scope::Global(), id);
}

// Declares `columns` of a channel whose row was written in this transaction.
Result<void> AddTo(Transaction& tx, ChannelRecord& channel, const std::vector<ChannelColumn>& columns,
                   ChangeVerb verb) {
  const std::string scope = channel.owner.Key();
  auto ordinal = static_cast<int64_t>(channel.columns.size());
  JAMMI_TRY(Declare(channel.id, columns, channel.columns));
  for (const auto& column : columns) {
    JAMMI_TRY(tx.Execute(kInsertColumn, {scope, channel.id.text(), column.name, ToString(column.type),
                                         ordinal, channel.updated_at}));
    ++ordinal;
  }
  return RecordChange(tx,
                      {.kind = "channel", .verb = verb, .owner = channel.owner, .name = channel.id.text()});
}

// --- Pages.

// A page starts after a position: the first one before all of them.
struct ChannelPosition {
  int64_t priority = std::numeric_limits<int64_t>::min();
  std::string id;
};

Result<ChannelPosition> ChannelDecodePosition(std::string_view token) {
  if (token.empty()) return ChannelPosition();
  JAMMI_ASSIGN(auto fields, DecodePageToken(kChannelList, "is", token));
  return ChannelPosition{std::get<int64_t>(fields[0]), std::get<std::string>(std::move(fields[1]))};
}

std::string TokenOf(const ChannelRecord& last) {
  return EncodePageToken(kChannelList, {int64_t{last.priority}, last.id.text()});
}

bool ComesBefore(const ChannelRecord& a, const ChannelRecord& b) {
  return std::tie(a.priority, a.id) < std::tie(b.priority, b.id);
}

}  // namespace

std::span<const RepoStatement> ChannelStatements() { return kChannelStatements; }

Result<ChannelRecord> Channels::Register(const ChannelSpec& spec) {
  JAMMI_TRY(CheckColumns(spec.columns));
  const std::string owner = access_.scope.Key();
  return access_.backend->Transact(access_.Writing(), [&](Transaction& tx) -> Result<ChannelRecord> {
    JAMMI_ASSIGN(auto channel,
                 tx.QueryFirst(kChannelInsert, {owner, spec.id.text(), int64_t{spec.priority}}, ReadChannel));
    if (!channel) {
      return Refused(ErrorCode::kAlreadyExists, "already exists",
                     {.fault = ChannelFault::kAlreadyExists, .channel = spec.id.text()});
    }
    JAMMI_TRY(AddTo(tx, *channel, spec.columns, ChangeVerb::kRegistered));
    return std::move(*channel);
  });
}

Result<ChannelRecord> Channels::AddColumns(const ChannelId& id, const std::vector<ChannelColumn>& columns) {
  JAMMI_TRY(CheckColumns(columns));
  if (columns.empty()) {
    return access_.backend->Transact(access_.Reading(),
                                     [&](Transaction& tx) { return FindOwned(tx, access_.scope, id); });
  }
  return access_.backend->Transact(access_.Writing(), [&](Transaction& tx) -> Result<ChannelRecord> {
    JAMMI_ASSIGN(const int64_t touched, tx.Execute(kChannelTouch, {access_.scope.Key(), id.text()}));
    if (touched != 1) return NotRegistered(id);
    JAMMI_ASSIGN(auto channel, FindOwned(tx, access_.scope, id));
    JAMMI_TRY(AddTo(tx, channel, columns, ChangeVerb::kUpdated));
    return channel;
  });
}

Result<ChannelRecord> Channels::Get(const ChannelId& id) const {
  return access_.backend->Transact(access_.Reading(),
                                   [&](Transaction& tx) { return FindVisible(tx, access_.scope, id); });
}

Result<std::vector<ChannelRecord>> Channels::GetAll(std::span<const ChannelId> ids) const {
  return access_.backend->Transact(access_.Reading(),
                                   [&](Transaction& tx) -> Result<std::vector<ChannelRecord>> {
                                     std::vector<ChannelRecord> channels;
                                     for (const auto& id : ids) {
                                       JAMMI_ASSIGN(auto channel, FindVisible(tx, access_.scope, id));
                                       channels.push_back(std::move(channel));
                                     }
                                     return channels;
                                   });
}

Result<Page<ChannelRecord>> Channels::List(int page_size, std::string_view page_token) const {
  JAMMI_TRY(CheckPageSize(page_size));
  JAMMI_ASSIGN(const ChannelPosition after, ChannelDecodePosition(page_token));
  const std::string reader = access_.scope.Key();
  return access_.backend->Transact(access_.Reading(), [&](Transaction& tx) {
    const auto query = [&](const std::string& scope, int64_t limit, std::vector<ChannelRecord>& rows) {
      return ReadChannels(tx, scope == reader ? kChannelOwnPage : kChannelGlobalPage,
                          {reader, after.priority, after.id, limit}, rows);
    };
    return ReadVisiblePage<ChannelRecord>(access_.scope, page_size, query, ComesBefore, TokenOf);
  });
}

Result<std::shared_ptr<arrow::Schema>> Channels::MergedSchema(std::span<const ChannelId> ids) const {
  JAMMI_ASSIGN(auto channels, GetAll(ids));
  SortByPriority(channels);
  return MergedChannelSchema(channels);
}

Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> Channels::Merge(
    std::span<const std::shared_ptr<arrow::RecordBatch>> batches, const ChannelMerge& merge) const {
  auto channels = GetAll(merge.participating);
  if (!channels) {
    const auto* detail = channels.error().As<ChannelDetail>();
    if (detail == nullptr) return std::move(channels).error();
    return AssemblyError(detail->channel, "is not registered");
  }
  SortByPriority(*channels);
  return MergeChannels(*channels, batches, merge);
}

}  // namespace jammi
