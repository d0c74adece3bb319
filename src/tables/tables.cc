#include "jammi/tables.h"

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

}  // namespace jammi
