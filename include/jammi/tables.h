// Mutable tables: small typed tables that are written row by row, in the catalog's database and under its
// transactions (rules MUT-...).
//
// A scope has table ids of its own. A caller works with his own table of an id, else with the global one. In
// a global table every row belongs to the scope that wrote it: a tenant sees its own rows and the global
// ones, writes and changes its own alone, and two scopes may use the same keys without noticing each other.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/catalog_access.h"
#include "jammi/clock.h"
#include "jammi/ids.h"
#include "jammi/result.h"
#include "jammi/scope.h"
#include "jammi/table_read.h"

namespace jammi {

struct TableIndex {
  std::string name;                  // as a table's id; one of a name in a table, whatever the case
  std::vector<std::string> columns;  // one at least, none twice
  bool unique = false;               // within a scope; rows with a null in it never collide
  bool operator==(const TableIndex&) const = default;
};

// What a table is; it does not change as long as the table is there.
struct TableDefinition {
  static constexpr size_t kMaxIdBytes = 63;
  static constexpr int kMaxColumns = 256;
  static constexpr size_t kMaxColumnNameBytes = 256;
  static constexpr size_t kMaxKeyColumns = 16;  // of the key, and of an index
  static constexpr size_t kMaxIndexes = 16;
  static constexpr size_t kMaxMetadataBytes = 1 << 20;
  static constexpr uint64_t kDefaultChunkSize = 8192;
  static constexpr uint64_t kMaxChunkSize = 1 << 20;

  std::string id;  // 1..63 bytes of [a-z0-9_]; not _jammi_..., __topic_..., __eph_...
  // Columns have names of 1..256 bytes, unlike one another also but for case, none called tenant_id or with
  // a leading underscore; types as docs/tables.md lists them. Metadata is dropped.
  std::shared_ptr<arrow::Schema> schema;
  // One column at least. What the schema says about their nulls, keys take none.
  std::vector<std::string> primary_key;
  std::vector<TableIndex> indexes;
  // Int64 or UInt64: rows are replayed by it. It takes no nulls either.
  std::optional<std::string> order_column;
  uint64_t chunk_size = kDefaultChunkSize;  // rows of a batch when the table is read
  std::string user_metadata = "{}";         // a JSON object
  // A topic of the table's owner, with the columns of ChangeFeedSchema(): every change of rows is published
  // to it, in the same transaction, by whom the rows belong to.
  std::optional<TopicId> change_topic = std::nullopt;
};

// What a table's change topic has: `_change` ("insert", "upsert", "update", "delete"), and the columns of the
// table, of which only those of the key are not made nullable. Rows are as they are after the change; of a
// deleted row the key is left. Whoever applies the events in order has the table's rows.
[[nodiscard]] std::shared_ptr<arrow::Schema> ChangeFeedSchema(const TableDefinition& definition);

struct TableRecord {
  TableDefinition definition;
  Scope owner = Scope::Global();
  int64_t number = 0;  // no other table of this catalog ever has it
  UnixMicros created_at = 0;
};

// What an upsert does with a row whose key is there.
enum class UpsertMode : uint8_t {
  kUpdate,  // its columns are overwritten
  kIgnore,  // it stays as it is
};

class TableStore;

// The tables, seen by one scope. A light handle: cheap to copy, thread-safe.
//
// Every verb is one transaction; a change is durable when it returns, and an error changes nothing,
// kOutcomeUnknown excepted. Errors of all: kInvalidArgument, which names the argument; those of
// CatalogBackend::RunTransaction; kDataLoss for damaged rows.
class Tables {
 public:
  Tables(std::shared_ptr<TableStore> store, Scope scope, Deadline deadline = {})
      : store_(std::move(store)), scope_(std::move(scope)), deadline_(deadline) {}

  [[nodiscard]] const Scope& scope() const { return scope_; }
  // The same handle, whose calls fail with kDeadlineExceeded if they cannot begin in time.
  [[nodiscard]] Tables WithDeadline(Deadline deadline) const { return {store_, scope_, deadline}; }

  // Creates a table owned by this scope, which may hide a global one; all of it or nothing, also under a
  // kill. Errors: kInvalidArgument with TableDetail: kInvalidId, kSchema, kMissingPrimaryKey,
  // kReservedColumn, in this order, or with UnsupportedSchemaTypeDetail: a type that tables cannot hold, or
  // not in a key or index; kAlreadyExists with TableDetail(kAlreadyExists).
  // kNotFound with TopicNotFoundDetail: this scope owns no such topic; kFailedPrecondition with
  // SchemaConflictDetail: it has other columns than ChangeFeedSchema().
  [[nodiscard]] Result<TableRecord> Create(const TableDefinition& definition);

  // The scope's own table of that id, else the global one. Errors: kNotFound with TableDetail(kNotFound).
  [[nodiscard]] Result<TableRecord> Get(std::string_view id) const;

  // The tables that this scope itself owns, by id (MUT-017). `page_size` is 1..kMaxPageSize; `page_token`
  // from the page before. Errors: kInvalidArgument for a token that is none.
  [[nodiscard]] Result<Page<TableRecord>> List(int page_size = kDefaultPageSize,
                                               std::string_view page_token = {}) const;

  // Drops a table that this scope owns, with its rows, whoever wrote them.
  // Errors: kNotFound with TableDetail(kNotFound), also for a global or another's table.
  [[nodiscard]] Result<void> Drop(std::string_view id);

  using Batches = std::span<const std::shared_ptr<arrow::RecordBatch>>;

  // Adds rows, which belong to this scope; returns how many. Any number of rows at once; while it writes on
  // SQLite, no other write can. The batches have exactly the table's columns: names, order, types and
  // nullability; metadata does not count.
  // Errors: kNotFound with TableDetail(kNotFound); kInvalidArgument with TableDetail: kSchema: other columns,
  // or damaged arrays; kInvalidValue: a null where none may be, U+0000 in text, more than kMaxIndexedBytes in
  // a key or index; kAlreadyExists with TableDetail(kDuplicateKey), naming the index unless it is the key.
  [[nodiscard]] Result<int64_t> Append(std::string_view id, Batches batches);
  [[nodiscard]] Result<int64_t> Append(std::string_view id, const std::shared_ptr<arrow::RecordBatch>& batch);
  static constexpr size_t kMaxIndexedBytes = 2000;

  // --- Reading: this scope's rows, and in a global table the global rows beside them (MUT-022).

  // Hands out the rows of one moment, batch by batch, in memory that does not grow with the table. `on_batch`
  // is called on this thread, inside the scan's transaction: it must not call the engine, which answers
  // kInvalidState there. While it takes its time, SQLite keeps one of its readers for it and the write-ahead
  // log grows; PostgreSQL keeps a connection and all versions of rows since, and a Drop() of the table waits.
  // Who reads slowly, or wants to write meanwhile, reads pages.
  // Errors: kNotFound with TableDetail(kNotFound); kInvalidArgument: those of the filter;
  // TableDetail(kSchema) for a column that there is not; TableDetail(kNoOrderColumn); a limit, batch size or
  // page token that cannot be. The error of `on_batch`, unchanged. kUnavailable also when the connection was
  // lost after batches were handed out: no batch is ever handed out twice.
  [[nodiscard]] Result<TableScanEnd> Scan(std::string_view id, const TableScan& scan,
                                          const OnTableBatch& on_batch) const;

  // A scan of the rows whose order value is greater than `after`, by ascending order value, whatever
  // `scan.order` says (MUT-062). Errors: as Scan(); TableDetail(kNoOrderColumn).
  [[nodiscard]] Result<TableScanEnd> Replay(std::string_view id, const FilterValue& after,
                                            const TableScan& scan, const OnTableBatch& on_batch) const;

  // One batch of a scan, of `scan.limit` rows at most (kDefaultTablePageRows if it has none) and about
  // kTableBatchBytes; each page is of a moment of its own, between which nothing is held. What changes
  // meanwhile is seen if it lies behind the page. Errors: as Scan().
  [[nodiscard]] Result<TablePage> ReadPage(std::string_view id, const TableScan& scan = {}) const;

  // The row with this key, the values in the order of the primary key's columns; of a global table this
  // scope's own row, else the global one. A batch of one row, or of none if it is not there.
  // Errors: kNotFound with TableDetail(kNotFound): no such table; kInvalidArgument: too many values or too
  // few; with TableDetail(kInvalidValue): a value that the column cannot hold; with TableDetail(kSchema).
  [[nodiscard]] Result<std::shared_ptr<arrow::RecordBatch>> GetRow(
      std::string_view id, const std::vector<FilterValue>& key,
      const std::vector<std::string>& columns = {}) const;

  // How many rows match. Errors: kNotFound with TableDetail(kNotFound); those of the filter.
  [[nodiscard]] Result<int64_t> CountRows(std::string_view id, const TableFilter& filter = {}) const;

  // --- Changing: this scope's own rows, never a global one or another tenant's; where there is no such row
  // nothing changes, and 0 is returned. Of rows of one call that share a key one counts, the last unless it
  // is said otherwise; the others are as if they were not there.
  // Errors of all: as Append(). With a change topic also those of Session::Publish(), where the event cannot
  // be published: the topic was dropped, or a quota is used up. What one call changes must fit into one
  // publish (kMaxPublishBytes).

  // Appends rows, or changes those of this scope whose keys are there. Returns with kUpdate how many it was
  // given, with kIgnore, where the first of a key counts, those whose key was free.
  // Another unique index that a row would collide in is kAlreadyExists with TableDetail(kDuplicateKey).
  [[nodiscard]] Result<int64_t> Upsert(std::string_view id, Batches batches,
                                       UpsertMode mode = UpsertMode::kUpdate);

  // Changes rows by key: the batches have the key's columns and those that change, in any order, the same in
  // all. Returns how many were there.
  [[nodiscard]] Result<int64_t> Update(std::string_view id, Batches batches);
  // Changes all rows that match: `values` is one row of the columns that change, none of the key's.
  // Errors: also those of the filter.
  [[nodiscard]] Result<int64_t> UpdateWhere(std::string_view id, const TableFilter& filter,
                                            const std::shared_ptr<arrow::RecordBatch>& values);

  // Deletes rows by key: the batches have the key's columns, in its order. Returns how many were there.
  [[nodiscard]] Result<int64_t> Delete(std::string_view id, Batches keys);
  // Deletes all rows that match. Errors: also those of the filter.
  [[nodiscard]] Result<int64_t> DeleteWhere(std::string_view id, const TableFilter& filter);
  // Deletes all rows of this scope.
  [[nodiscard]] Result<int64_t> Truncate(std::string_view id);

 private:
  std::shared_ptr<TableStore> store_;
  Scope scope_;
  Deadline deadline_;
};

}  // namespace jammi
