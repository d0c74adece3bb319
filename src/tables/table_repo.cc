#include "tables/table_repo.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <array>

#include "catalog/read_rows.h"
#include "trigger/codec.h"

namespace jammi {
namespace {

constexpr size_t kMostKnown = 4096;

#define JAMMI_TABLE_COLUMNS                                                                            \
  "table_no, scope, table_id, schema, primary_key, indexes, order_column, chunk_size, user_metadata, " \
  "change_topic, created_at"

constexpr std::string_view kTakeNumber =
    "UPDATE catalog_counters SET next_value = next_value + 1 WHERE name = 'table_no' RETURNING next_value";
constexpr std::string_view kInsert =
    "INSERT INTO mutable_tables (" JAMMI_TABLE_COLUMNS
    ", internal) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, jammi_now(), $11) RETURNING created_at";
// A scope's own comes before the global one, whose scope is ''.
#define JAMMI_FOUND_TABLE \
  " FROM mutable_tables WHERE table_id = $1 AND scope IN ($2, '') ORDER BY scope DESC LIMIT 1"
constexpr std::string_view kFind = "SELECT " JAMMI_TABLE_COLUMNS JAMMI_FOUND_TABLE;
constexpr std::string_view kFindNumber = "SELECT table_no" JAMMI_FOUND_TABLE;
constexpr std::string_view kDelete =
    "DELETE FROM mutable_tables WHERE scope = $1 AND table_id = $2 RETURNING " JAMMI_TABLE_COLUMNS;
constexpr std::string_view kPage =
    "SELECT " JAMMI_TABLE_COLUMNS
    " FROM mutable_tables WHERE scope = $1 AND table_id > $2 AND internal = 0 ORDER BY table_id LIMIT $3";

constexpr std::array kStatements = {RepoStatement{"insert", kInsert, 11}, RepoStatement{"find", kFind, 2},
                                    RepoStatement{"find_number", kFindNumber, 2},
                                    RepoStatement{"delete", kDelete, 2}, RepoStatement{"page", kPage, 3}};

// Neither has a slash.
std::string QuestionOf(const Scope& scope, std::string_view id) {
  return fmt::format("{}/{}", scope.Key(), id);
}

SqlBytes BytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

Result<TableRecord> ReadRecord(const Row& row) {
  TableRecord record;
  TableDefinition& definition = record.definition;
  JAMMI_ASSIGN(record.number, row.Get<int64_t>("table_no"));
  JAMMI_ASSIGN(const auto scope, row.Get<std::string_view>("scope"));
  JAMMI_ASSIGN(record.owner, Scope::FromKey(scope));
  JAMMI_ASSIGN(definition.id, row.Get<std::string>("table_id"));
  JAMMI_ASSIGN(const auto schema, row.Get<SqlBytes>("schema"));
  JAMMI_ASSIGN(definition.schema,
               DecodeSchema({reinterpret_cast<const char*>(schema.data()), schema.size()}));
  JAMMI_ASSIGN(const auto key, row.Get<std::string_view>("primary_key"));
  JAMMI_ASSIGN(definition.primary_key, NamesFromJson(key));
  JAMMI_ASSIGN(const auto indexes, row.Get<std::string_view>("indexes"));
  JAMMI_ASSIGN(definition.indexes, IndexesFromJson(indexes));
  JAMMI_ASSIGN(definition.order_column, row.Get<std::optional<std::string>>("order_column"));
  JAMMI_ASSIGN(const auto chunk_size, row.Get<int64_t>("chunk_size"));
  definition.chunk_size = static_cast<uint64_t>(chunk_size);
  JAMMI_ASSIGN(definition.user_metadata, row.Get<std::string>("user_metadata"));
  JAMMI_ASSIGN(const auto topic, row.Get<std::optional<std::string>>("change_topic"));
  if (topic) {
    JAMMI_ASSIGN(definition.change_topic, TopicId::Parse(*topic));
  }
  JAMMI_ASSIGN(record.created_at, row.Get<int64_t>("created_at"));
  return record;
}

}  // namespace

std::span<const RepoStatement> TableStatements() { return kStatements; }

std::string_view TableNumberText() { return kFindNumber; }

std::shared_ptr<const Table> TableRepo::Known(int64_t number) {
  const std::lock_guard lock(mutex_);
  const auto found = tables_.find(number);
  return found == tables_.end() ? nullptr : found->second;
}

void TableRepo::Remember(const std::shared_ptr<const Table>& table) {
  const std::lock_guard lock(mutex_);
  if (tables_.size() >= kMostKnown) tables_.clear();
  tables_.emplace(table->record().number, table);
}

std::shared_ptr<const Table> TableRepo::LastFound(const Scope& scope, std::string_view id) {
  const std::string question = QuestionOf(scope, id);
  const std::lock_guard lock(mutex_);
  const auto found = found_.find(question);
  return found == found_.end() ? nullptr : found->second;
}

void TableRepo::RememberFound(const Scope& scope, const std::shared_ptr<const Table>& table) {
  const std::string question = QuestionOf(scope, table->id());
  const std::lock_guard lock(mutex_);
  if (found_.size() >= kMostKnown) found_.clear();
  found_.insert_or_assign(question, table);
}

Result<std::shared_ptr<const Table>> TableRepo::Read(const Row& row) {
  JAMMI_ASSIGN(const auto number, row.Get<int64_t>("table_no"));
  if (auto known = Known(number)) return known;
  JAMMI_ASSIGN(auto record, ReadRecord(row));
  JAMMI_ASSIGN(auto table, Table::Make(std::move(record)));
  Remember(table);
  return table;
}

Result<std::shared_ptr<const Table>> TableRepo::Insert(Transaction& tx, const Scope& owner,
                                                       const TableDefinition& prepared,
                                                       TableCreator creator) {
  JAMMI_ASSIGN(const auto next, tx.QueryFirst(kTakeNumber, {}, ReadColumn<int64_t>("next_value")));
  if (!next) return Error(ErrorCode::kDataLoss, "the catalog has no counter for table numbers");
  TableRecord record{.definition = prepared, .owner = owner, .number = *next - 1};
  JAMMI_ASSIGN(const std::string schema, EncodeSchema(*prepared.schema));
  const std::string scope = owner.Key();
  const std::string key = NamesToJson(prepared.primary_key);
  const std::string indexes = IndexesToJson(prepared.indexes);
  std::optional<std::string> topic;
  if (prepared.change_topic) topic = prepared.change_topic->ToString();
  JAMMI_ASSIGN(const auto created_at,
               tx.QueryFirst(kInsert,
                             {record.number, scope, prepared.id, BytesOf(schema), key, indexes,
                              prepared.order_column, static_cast<int64_t>(prepared.chunk_size),
                              prepared.user_metadata, topic, creator == TableCreator::kEngine},
                             ReadColumn<int64_t>("created_at")));
  record.created_at = created_at.value_or(0);
  return Table::Make(std::move(record));  // remembered when it is found: it may not be committed
}

Result<std::shared_ptr<const Table>> TableRepo::Find(Transaction& tx, const Scope& scope,
                                                     std::string_view id) {
  const std::string key = scope.Key();
  JAMMI_ASSIGN(auto table, tx.QueryFirst(kFind, {id, key}, [&](const Row& row) { return Read(row); }));
  if (table) RememberFound(scope, *table);
  return table.value_or(nullptr);
}

Result<std::shared_ptr<const Table>> TableRepo::Delete(Transaction& tx, const Scope& owner,
                                                       std::string_view id) {
  const std::string key = owner.Key();
  JAMMI_ASSIGN(auto table, tx.QueryFirst(kDelete, {key, id}, [&](const Row& row) { return Read(row); }));
  return table.value_or(nullptr);
}

Result<std::vector<TableRecord>> TableRepo::List(Transaction& tx, const Scope& owner, std::string_view after,
                                                 int64_t limit) {
  std::vector<TableRecord> records;
  const std::string key = owner.Key();
  JAMMI_TRY(tx.Query(kPage, {key, after, limit}, [&](const Row& row) -> Result<bool> {
    JAMMI_ASSIGN(const auto table, Read(row));
    records.push_back(table->record());
    return true;
  }));
  return records;
}

}  // namespace jammi
