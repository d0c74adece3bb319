#include "tables/table_store.h"

#include <arrow/type.h>
#include <fmt/format.h>

#include "catalog/arguments.h"
#include "catalog/backend_error.h"
#include "catalog/changes.h"
#include "catalog/listing.h"
#include "catalog/page_token.h"
#include "catalog/run_again.h"
#include "tables/table_writes.h"
#include "tables/transactor.h"

namespace jammi {
namespace {

constexpr std::string_view kList = "mutable_tables";
constexpr int64_t kBulkRows = 1000;  // more of them do not share their commit with other work

Error NotFound(std::string_view id) {
  return Error(ErrorCode::kNotFound, fmt::format("table '{}': not found", id),
               TableDetail{TableFault::kNotFound, std::string(id), {}});
}

// By one with a change topic, between two looks at it.
Error Replaced(std::string_view id) {
  return Error(ErrorCode::kAborted, fmt::format("table '{}': was replaced by another meanwhile", id));
}

Result<void> RecordChange(Transaction& tx, ChangeVerb verb, const Scope& owner, std::string_view id) {
  return jammi::RecordChange(tx, {.kind = "mutable_table", .verb = verb, .owner = owner, .name = id});
}

// What the table's own name is in an error that names the storage table.
Error While(std::string_view doing, std::string_view id, Error error) {
  return std::move(error).While(fmt::format("{} table '{}'", doing, id));
}

// The same verb of a transaction.
Result<int64_t> WriteIn(Tx& tx, std::string_view id, Tables::Batches batches, RowChange change) {
  switch (change) {
    case RowChange::kAppend:
      return tx.Append(id, batches);
    case RowChange::kUpsert:
      return tx.Upsert(id, batches);
    case RowChange::kInsertAbsent:
      return tx.Upsert(id, batches, UpsertMode::kIgnore);
    case RowChange::kUpdate:
      return tx.Update(id, batches);
    case RowChange::kDelete:
      return tx.Delete(id, batches);
    case RowChange::kAssign:
      break;
  }
  return Error(ErrorCode::kInternal, "this is no change of rows by themselves");
}

}  // namespace

bool IsStorageGone(const Error& error) { return HasNativeCode(error, "42P01"); }

Result<TableRecord> TableStore::CreateIn(Transaction& tx, const Scope& owner, const TableDefinition& prepared,
                                         TableCreator creator) {
  auto table = repo_.Insert(tx, owner, prepared, creator);
  if (!table) {
    if (!HasFault(table.error(), BackendFault::kUnique)) return std::move(table).error();
    return Error(ErrorCode::kAlreadyExists, fmt::format("table '{}': already exists", prepared.id),
                 TableDetail{TableFault::kAlreadyExists, prepared.id, {}});
  }
  for (const std::string& text : (*table)->CreateTexts(backend_.kind())) {
    if (auto made = tx.Execute(text); !made) return While("creating", prepared.id, std::move(made).error());
  }
  JAMMI_TRY(RecordChange(tx, ChangeVerb::kRegistered, owner, prepared.id));
  return (*table)->record();
}

Result<void> TableStore::CheckChangeTopic(const Scope& owner, const TableDefinition& prepared) {
  if (streams_ == nullptr) return Error(ErrorCode::kInternal, "this store cannot publish");
  JAMMI_ASSIGN(const Topic topic, streams_->FindTopic(owner, *prepared.change_topic));
  if (topic.owner != owner) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("topic {} is not the table's owner's", topic.id.ToString()),
                 TopicNotFoundDetail{topic.id.ToString()});
  }
  const auto wanted = ChangeFeedSchema(prepared);
  if (topic.schema->Equals(*wanted)) return {};
  std::string detail = fmt::format("it has the columns [{}], and the table's changes [{}]",
                                   topic.schema->ToString(), wanted->ToString());
  return Error(ErrorCode::kFailedPrecondition,
               fmt::format("change topic '{}' has other columns: {}", topic.name, detail),
               SchemaConflictDetail{topic.name, std::move(detail)});
}

Result<int64_t> TableStore::WithChanges(const Scope& scope, Deadline deadline,
                                        const std::function<Result<int64_t>(Tx&)>& verb) {
  if (streams_ == nullptr) return Error(ErrorCode::kInternal, "this store cannot publish");
  int64_t rows = 0;
  JAMMI_TRY(Transactor(*this, *streams_)
                .Run(
                    scope,
                    [&](Tx& tx) -> Result<void> {
                      JAMMI_ASSIGN(rows, verb(tx));
                      return {};
                    },
                    deadline));
  return rows;
}

Result<TableRecord> TableStore::Create(const Scope& owner, const TableDefinition& definition,
                                       Deadline deadline, TableCreator creator) {
  JAMMI_ASSIGN(const TableDefinition prepared, PrepareDefinition(definition, creator));
  if (prepared.change_topic) JAMMI_TRY(CheckChangeTopic(owner, prepared));
  return backend_.Transact({.deadline = deadline},
                           [&](Transaction& tx) { return CreateIn(tx, owner, prepared, creator); });
}

Result<std::shared_ptr<const Table>> TableStore::Find(Transaction& tx, const Scope& scope,
                                                      std::string_view id) {
  JAMMI_TRY(CheckTableId(id, TableCreator::kEngine));
  JAMMI_ASSIGN(auto table, repo_.Find(tx, scope, id));
  return table == nullptr ? NotFound(id) : Result<std::shared_ptr<const Table>>(std::move(table));
}

Result<std::shared_ptr<const Table>> TableStore::Find(const Scope& scope, std::string_view id,
                                                      Deadline deadline) {
  const TxOptions once{.read_only = true, .single_statement = true, .deadline = deadline};
  return backend_.Transact(once, [&](Transaction& tx) { return Find(tx, scope, id); });
}

Result<TableRecord> TableStore::Get(const Scope& scope, std::string_view id, Deadline deadline) {
  JAMMI_ASSIGN(const auto table, Find(scope, id, deadline));
  return table->record();
}

Result<Page<TableRecord>> TableStore::List(const Scope& owner, int page_size, std::string_view page_token,
                                           Deadline deadline) {
  JAMMI_TRY(CheckPageSize(page_size));
  std::string after;
  if (!page_token.empty()) {
    JAMMI_ASSIGN(auto fields, DecodePageToken(kList, "s", page_token));
    after = std::get<std::string>(std::move(fields[0]));
  }
  const TxOptions once{.read_only = true, .single_statement = true, .deadline = deadline};
  JAMMI_ASSIGN(auto records, backend_.Transact(once, [&](Transaction& tx) {
    return repo_.List(tx, owner, after, page_size + int64_t{1});
  }));
  Page<TableRecord> page{.items = std::move(records), .next_page_token = {}};
  CutPage(page, page_size,
          [](const TableRecord& last) { return EncodePageToken(kList, {last.definition.id}); });
  return page;
}

Result<void> TableStore::DropIn(Transaction& tx, const Scope& owner, std::string_view id) {
  JAMMI_TRY(CheckTableId(id, TableCreator::kEngine));
  JAMMI_ASSIGN(const auto table, repo_.Delete(tx, owner, id));
  if (table == nullptr) return NotFound(id);
  if (auto dropped = tx.Execute(table->DropText()); !dropped)
    return While("dropping", id, std::move(dropped).error());
  return RecordChange(tx, ChangeVerb::kDeleted, owner, id);
}

Result<void> TableStore::Drop(const Scope& owner, std::string_view id, Deadline deadline) {
  return backend_.RunTransaction({.lane = Lane::kBulk, .deadline = deadline},
                                 [&](Transaction& tx) { return DropIn(tx, owner, id); });
}

// Rows are checked before the transaction begins: on SQLite all other writes would wait for it.
Result<int64_t> TableStore::Write(const Scope& scope, std::string_view id, Tables::Batches batches,
                                  RowChange change, Deadline deadline) {
  JAMMI_ASSIGN(auto table, Find(scope, id, deadline));
  if (table->record().definition.change_topic)
    return WithChanges(scope, deadline, [&](Tx& tx) { return WriteIn(tx, id, batches, change); });
  JAMMI_ASSIGN(auto rows, RowBatch::Make(std::move(table), batches, change));
  const TxOptions options{.lane = rows.rows() > kBulkRows ? Lane::kBulk : Lane::kNormal,
                          .deadline = deadline};
  return TransactWhile(backend_, options, IsStorageGone, [&](Transaction& tx) -> Result<int64_t> {
    JAMMI_ASSIGN(auto now, Find(tx, scope, id));
    if (now->record().definition.change_topic) return Replaced(id);
    if (now->record().number != rows.table().record().number) {  // dropped, and created again
      JAMMI_ASSIGN(rows, RowBatch::Make(std::move(now), batches, change));
    }
    return rows.Apply(tx, backend_.kind(), scope);
  });
}

Result<int64_t> TableStore::UpdateWhere(const Scope& scope, std::string_view id, const TableFilter& filter,
                                        const std::shared_ptr<arrow::RecordBatch>& values,
                                        Deadline deadline) {
  JAMMI_ASSIGN(const auto found, Find(scope, id, deadline));
  if (found->record().definition.change_topic)
    return WithChanges(scope, deadline, [&](Tx& tx) { return tx.UpdateWhere(id, filter, values); });
  const TxOptions options{.lane = Lane::kBulk, .deadline = deadline};
  return TransactWhile(backend_, options, IsStorageGone, [&](Transaction& tx) -> Result<int64_t> {
    JAMMI_ASSIGN(auto table, Find(tx, scope, id));
    if (table->record().definition.change_topic) return Replaced(id);
    JAMMI_ASSIGN(auto row, RowBatch::Make(std::move(table), {&values, 1}, RowChange::kAssign));
    return jammi::UpdateWhere(tx, backend_.kind(), scope, filter, row);
  });
}

Result<int64_t> TableStore::DeleteWhere(const Scope& scope, std::string_view id, const TableFilter& filter,
                                        Deadline deadline) {
  JAMMI_ASSIGN(const auto found, Find(scope, id, deadline));
  if (found->record().definition.change_topic)
    return WithChanges(scope, deadline, [&](Tx& tx) { return tx.DeleteWhere(id, filter); });
  const TxOptions options{.lane = Lane::kBulk, .deadline = deadline};
  return TransactWhile(backend_, options, IsStorageGone, [&](Transaction& tx) -> Result<int64_t> {
    JAMMI_ASSIGN(const auto table, Find(tx, scope, id));
    if (table->record().definition.change_topic) return Replaced(id);
    return jammi::DeleteWhere(tx, backend_.kind(), *table, scope, filter);
  });
}

}  // namespace jammi
