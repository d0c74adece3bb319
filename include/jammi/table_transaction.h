// Several changes of tables, and publishes, in one transaction.
//
//   auto outcome = session.Transact([&](Tx& tx) -> Result<void> {
//     JAMMI_TRY(tx.Upsert("orders", orders));
//     JAMMI_TRY(tx.Delete("carts", carts));
//     return tx.Publish(topic, event);
//   });
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "jammi/result.h"
#include "jammi/table_filter.h"
#include "jammi/tables.h"
#include "jammi/trigger.h"

namespace jammi {

class TableTransaction;

// What the body of a transaction works with; valid during its call only, on its thread. Tables are found as
// by Tables::Get(), as the transaction sees them; it sees its own changes. Verbs, and their errors, as those
// of Tables. A verb that fails takes the transaction with it: each later one fails likewise, and so does
// Transact(), whatever the body returns.
class Tx {
 public:
  [[nodiscard]] Result<int64_t> Append(std::string_view table, Tables::Batches rows);
  [[nodiscard]] Result<int64_t> Upsert(std::string_view table, Tables::Batches rows,
                                       UpsertMode mode = UpsertMode::kUpdate);
  [[nodiscard]] Result<int64_t> Update(std::string_view table, Tables::Batches rows);
  [[nodiscard]] Result<int64_t> UpdateWhere(std::string_view table, const TableFilter& filter,
                                            const std::shared_ptr<arrow::RecordBatch>& values);
  [[nodiscard]] Result<int64_t> Delete(std::string_view table, Tables::Batches keys);
  [[nodiscard]] Result<int64_t> DeleteWhere(std::string_view table, const TableFilter& filter);
  [[nodiscard]] Result<int64_t> Truncate(std::string_view table);

  // The row with this key, as Tables::GetRow() has it, with what this transaction has done to it.
  [[nodiscard]] Result<std::shared_ptr<arrow::RecordBatch>> GetRow(
      std::string_view table, const std::vector<FilterValue>& key,
      const std::vector<std::string>& columns = {});

  // Adds an event, which is there when the transaction is, and gets its offset at its end: see
  // TransactOutcome. Checked as by Session::Publish(), with its errors.
  [[nodiscard]] Result<void> Publish(const TopicId& topic, const std::shared_ptr<arrow::RecordBatch>& batch,
                                     const PublishOptions& options = {});

 private:
  friend class Transactor;
  explicit Tx(TableTransaction& inner) : inner_(inner) {}
  TableTransaction& inner_;
};

struct TransactOutcome {
  std::vector<PublishOutcome> published;  // of each Publish(), in their order
};

// It may run more than once, its earlier runs leave nothing: it must have no effect but through its handle,
// and must not call the engine, which answers kInvalidState there.
using TransactBody = std::function<Result<void>(Tx&)>;

}  // namespace jammi
