#include "jammi/tables.h"

#include "tables/table_reader.h"
#include "tables/table_store.h"

namespace jammi {

Result<TableRecord> Tables::Create(const TableDefinition& definition) {
  return store_->Create(scope_, definition, deadline_);
}

Result<TableRecord> Tables::Get(std::string_view id) const { return store_->Get(scope_, id, deadline_); }

Result<Page<TableRecord>> Tables::List(int page_size, std::string_view page_token) const {
  return store_->List(scope_, page_size, page_token, deadline_);
}

Result<void> Tables::Drop(std::string_view id) { return store_->Drop(scope_, id, deadline_); }

Result<int64_t> Tables::Append(std::string_view id, Batches batches) {
  return store_->Append(scope_, id, batches, deadline_);
}

Result<int64_t> Tables::Append(std::string_view id, const std::shared_ptr<arrow::RecordBatch>& batch) {
  return Append(id, {&batch, 1});
}

Result<TableScanEnd> Tables::Scan(std::string_view id, const TableScan& scan,
                                  const OnTableBatch& on_batch) const {
  return TableReader(*store_, scope_, deadline_).Scan(id, scan, on_batch);
}

Result<TableScanEnd> Tables::Replay(std::string_view id, const FilterValue& after, const TableScan& scan,
                                    const OnTableBatch& on_batch) const {
  return TableReader(*store_, scope_, deadline_).Replay(id, after, scan, on_batch);
}

Result<TablePage> Tables::ReadPage(std::string_view id, const TableScan& scan) const {
  return TableReader(*store_, scope_, deadline_).ReadPage(id, scan);
}

Result<std::shared_ptr<arrow::RecordBatch>> Tables::GetRow(std::string_view id,
                                                           const std::vector<FilterValue>& key,
                                                           const std::vector<std::string>& columns) const {
  return TableReader(*store_, scope_, deadline_).GetRow(id, key, columns);
}

Result<int64_t> Tables::CountRows(std::string_view id, const TableFilter& filter) const {
  return TableReader(*store_, scope_, deadline_).CountRows(id, filter);
}

Result<int64_t> Tables::Upsert(std::string_view id, Batches batches, UpsertMode mode) {
  const RowChange change = mode == UpsertMode::kUpdate ? RowChange::kUpsert : RowChange::kInsertAbsent;
  return store_->Write(scope_, id, batches, change, deadline_);
}

Result<int64_t> Tables::Update(std::string_view id, Batches batches) {
  return store_->Write(scope_, id, batches, RowChange::kUpdate, deadline_);
}

Result<int64_t> Tables::UpdateWhere(std::string_view id, const TableFilter& filter,
                                    const std::shared_ptr<arrow::RecordBatch>& values) {
  return store_->UpdateWhere(scope_, id, filter, values, deadline_);
}

Result<int64_t> Tables::Delete(std::string_view id, Batches keys) {
  return store_->Write(scope_, id, keys, RowChange::kDelete, deadline_);
}

Result<int64_t> Tables::DeleteWhere(std::string_view id, const TableFilter& filter) {
  return store_->DeleteWhere(scope_, id, filter, deadline_);
}

Result<int64_t> Tables::Truncate(std::string_view id) { return DeleteWhere(id, {}); }

}  // namespace jammi
