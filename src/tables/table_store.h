// The door of this folder: mutable tables over an open catalog.
#pragma once

#include <string>
#include <string_view>

#include "jammi/tables.h"
#include "tables/definition.h"
#include "tables/table_repo.h"

namespace jammi {

// Thread-safe. What each call means, and its errors: Tables in jammi/tables.h.
class TableStore {
 public:
  // The backend must outlive it.
  explicit TableStore(CatalogBackend& backend) : backend_(backend) {}

  [[nodiscard]] Result<TableRecord> Create(const Scope& owner, const TableDefinition& definition,
                                           Deadline deadline = {},
                                           TableCreator creator = TableCreator::kUser);
  [[nodiscard]] Result<TableRecord> Get(const Scope& scope, std::string_view id, Deadline deadline = {});
  [[nodiscard]] Result<Page<TableRecord>> List(const Scope& owner, int page_size, std::string_view page_token,
                                               Deadline deadline = {});
  [[nodiscard]] Result<void> Drop(const Scope& owner, std::string_view id, Deadline deadline = {});
  [[nodiscard]] Result<int64_t> Append(const Scope& scope, std::string_view id, Tables::Batches batches,
                                       Deadline deadline = {});

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

  [[nodiscard]] CatalogBackend& backend() { return backend_; }

 private:
  CatalogBackend& backend_;
  TableRepo repo_;
};

// The error of a statement that did not find a storage table: on PostgreSQL another transaction may have
// dropped it after this one has looked it up. Run again, it will not find it any more.
[[nodiscard]] bool IsStorageGone(const Error& error);

}  // namespace jammi
