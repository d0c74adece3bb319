// The door of this folder: mutable tables over an open catalog.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "jammi/table_transaction.h"
#include "jammi/tables.h"
#include "tables/definition.h"
#include "tables/row_batch.h"
#include "tables/table_repo.h"
#include "trigger/streams.h"

namespace jammi {

// Thread-safe. What each call means, and its errors: Tables in jammi/tables.h.
class TableStore {
 public:
  // Both must outlive it. Without streams no table can have a change topic.
  explicit TableStore(CatalogBackend& backend, Streams* streams = nullptr)
      : backend_(backend), streams_(streams) {}

  [[nodiscard]] Result<TableRecord> Create(const Scope& owner, const TableDefinition& definition,
                                           Deadline deadline = {},
                                           TableCreator creator = TableCreator::kUser);
  [[nodiscard]] Result<TableRecord> Get(const Scope& scope, std::string_view id, Deadline deadline = {});
  [[nodiscard]] Result<Page<TableRecord>> List(const Scope& owner, int page_size, std::string_view page_token,
                                               Deadline deadline = {});
  [[nodiscard]] Result<void> Drop(const Scope& owner, std::string_view id, Deadline deadline = {});
  // What `change` says, with batches that are as it says.
  [[nodiscard]] Result<int64_t> Write(const Scope& scope, std::string_view id, Tables::Batches batches,
                                      RowChange change, Deadline deadline = {});
  [[nodiscard]] Result<int64_t> Append(const Scope& scope, std::string_view id, Tables::Batches batches,
                                       Deadline deadline = {}) {
    return Write(scope, id, batches, RowChange::kAppend, deadline);
  }
  [[nodiscard]] Result<int64_t> UpdateWhere(const Scope& scope, std::string_view id,
                                            const TableFilter& filter,
                                            const std::shared_ptr<arrow::RecordBatch>& values,
                                            Deadline deadline = {});
  [[nodiscard]] Result<int64_t> DeleteWhere(const Scope& scope, std::string_view id,
                                            const TableFilter& filter, Deadline deadline = {});

  // The parts of the above that are done in a transaction of the caller's. After an error it must end with
  // it. `prepared` is from PrepareDefinition().
  [[nodiscard]] Result<TableRecord> CreateIn(Transaction& tx, const Scope& owner,
                                             const TableDefinition& prepared, TableCreator creator);
  [[nodiscard]] Result<void> DropIn(Transaction& tx, const Scope& owner, std::string_view id);
  // The scope's own table of that id, else the global one, as this transaction sees it.
  // Errors: kNotFound with TableDetail(kNotFound).
  [[nodiscard]] Result<std::shared_ptr<const Table>> Find(Transaction& tx, const Scope& scope,
                                                          std::string_view id);
  // The same in a transaction of its own.
  [[nodiscard]] Result<std::shared_ptr<const Table>> Find(const Scope& scope, std::string_view id,
                                                          Deadline deadline = {});
  // What it was when this store was asked last, for statements that say whether it still is.
  [[nodiscard]] std::shared_ptr<const Table> LastFound(const Scope& scope, std::string_view id) {
    return repo_.LastFound(scope, id);
  }

  [[nodiscard]] CatalogBackend& backend() { return backend_; }

 private:
  // Is this a topic of the owner's, with the columns of the feed?
  [[nodiscard]] Result<void> CheckChangeTopic(const Scope& owner, const TableDefinition& prepared);
  // Runs a verb on a table that has a change topic.
  [[nodiscard]] Result<int64_t> WithChanges(const Scope& scope, Deadline deadline,
                                            const std::function<Result<int64_t>(Tx&)>& verb);

  CatalogBackend& backend_;
  Streams* const streams_;
  TableRepo repo_;
};

// The error of a statement that did not find a storage table: on PostgreSQL another transaction may have
// dropped it after this one has looked it up. Run again, it will not find it any more.
[[nodiscard]] bool IsStorageGone(const Error& error);

}  // namespace jammi
