// What reads the rows of tables.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/table_read.h"
#include "tables/table_store.h"

namespace jammi {

// Part of a transaction, of which a stream of rows may be the only one at a time. One that only reads is not
// at READ COMMITTED: see StreamRows(). Contract: Tables::Scan() in jammi/tables.h.
[[nodiscard]] Result<TableScanEnd> ScanIn(Transaction& tx, BackendKind kind,
                                          const std::shared_ptr<const Table>& table, const Scope& reader,
                                          const TableScan& scan, const OnTableBatch& on_batch);

// Each call in a transaction of its own. Contracts: Tables in jammi/tables.h.
class TableReader {
 public:
  TableReader(TableStore& store, Scope reader, Deadline deadline)
      : store_(store), reader_(std::move(reader)), deadline_(deadline) {}

  [[nodiscard]] Result<TableScanEnd> Scan(std::string_view id, const TableScan& scan,
                                          const OnTableBatch& on_batch);
  [[nodiscard]] Result<TableScanEnd> Replay(std::string_view id, const FilterValue& after,
                                            const TableScan& scan, const OnTableBatch& on_batch);
  [[nodiscard]] Result<TablePage> ReadPage(std::string_view id, const TableScan& scan);
  [[nodiscard]] Result<std::shared_ptr<arrow::RecordBatch>> GetRow(std::string_view id,
                                                                   std::span<const FilterValue> key,
                                                                   const std::vector<std::string>& columns);
  [[nodiscard]] Result<int64_t> CountRows(std::string_view id, const TableFilter& filter);

 private:
  // The scan that is asked for, once it is known of which table.
  using MakeScan = std::function<Result<TableScan>(const Table& table)>;
  [[nodiscard]] Result<TableScanEnd> Run(std::string_view id, const MakeScan& make,
                                         const OnTableBatch& on_batch);

  using Batch = std::shared_ptr<arrow::RecordBatch>;
  // The row in one statement. Errors: kAborted: the id does not mean this table.
  [[nodiscard]] Result<Batch> GetRowOf(const Table& table, std::span<const FilterValue> key,
                                       const std::vector<std::string>& columns);

  TableStore& store_;
  Scope reader_;
  Deadline deadline_;
};

}  // namespace jammi
