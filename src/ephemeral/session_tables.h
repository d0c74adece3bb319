// The mutable tables of ephemeral sessions: tables of their tenants like others, but for their ids.
#pragma once

#include <arrow/type_fwd.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/repo_statement.h"
#include "ephemeral/ephemeral_repo.h"
#include "jammi/tables.h"

namespace jammi {

class TableStore;

// "__eph_" + the session's 32 hex digits + "_" + name (TRG-131).
[[nodiscard]] std::string EphemeralTableId(std::string_view session_id, std::string_view name);

[[nodiscard]] std::span<const RepoStatement> SessionTableStatements();

// Thread-safe. All of it as the session's tenant, whoever asks (W-25).
class SessionTables {
 public:
  // The store must outlive this.
  explicit SessionTables(TableStore& store) : store_(store) {}

  // `first` runs at the beginning of the transaction. Errors: its own; those of Tables::Create().
  [[nodiscard]] Result<void> Create(const TableDefinition& definition, const EphemeralKey& key,
                                    const std::function<Result<void>(Transaction&)>& first) const;
  // Adds rows. Errors: those of Tables::Append().
  [[nodiscard]] Result<int64_t> Append(const EphemeralKey& key, const std::string& id,
                                       const std::shared_ptr<arrow::RecordBatch>& batch) const;
  // Errors: those of Tables::Scan().
  [[nodiscard]] Result<TableScanEnd> Scan(const EphemeralKey& key, const std::string& id,
                                          const TableScan& scan, const OnTableBatch& on_batch) const;
  // Rows of the table. Errors: those of Tables::CountRows().
  [[nodiscard]] Result<int64_t> Count(const EphemeralKey& key, const std::string& id) const;

  // Ids of the session's tables, in order.
  [[nodiscard]] Result<std::vector<std::string>> List(Transaction& tx, const EphemeralKey& key) const;
  // Returns how many rows went with it. Errors: kNotFound with TableDetail; BackendDetail.
  [[nodiscard]] Result<int64_t> Drop(Transaction& tx, const EphemeralKey& key, const std::string& id) const;

 private:
  TableStore& store_;
};

}  // namespace jammi
