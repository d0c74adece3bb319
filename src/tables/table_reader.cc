#include "tables/table_reader.h"

#include <arrow/record_batch.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "catalog/arguments.h"
#include "catalog/backend_error.h"
#include "catalog/run_again.h"
#include "tables/batch_decoder.h"
#include "tables/read_sql.h"
#include "tables/row_stream.h"
#include "tables/scan_statement.h"

namespace jammi {
namespace {

constexpr int64_t kMostBatchRows = int64_t{1} << 20;

// One scan on its way: rows become batches, which are handed out when it is known whether more rows follow.
class RunningScan final : public RowTaker {
 public:
  RunningScan(const ScanStatement& statement, BatchDecoder decoder, int64_t batch_rows,
              std::optional<int64_t> limit, const OnTableBatch& on_batch)
      : statement_(statement),
        batch_(std::move(decoder)),
        batch_rows_(batch_rows),
        limit_(limit.value_or(std::numeric_limits<int64_t>::max())),
        on_batch_(on_batch) {}

  Result<bool> Take(const Row& row) override {
    bool wanted = !IsAtLimit();
    if (wanted && IsFull()) {
      JAMMI_ASSIGN(wanted, HandOut());
    }
    more_ = !wanted;
    if (!wanted) return false;
    JAMMI_TRY(batch_.Append(row));
    if (IsFull() || IsAtLimit()) {
      JAMMI_ASSIGN(last_, statement_.TokenAt(row));
    }
    return true;
  }
  int64_t bytes() const override { return bytes_handed_out_ + batch_.bytes(); }

  [[nodiscard]] Result<TableScanEnd> Finish() {
    if (batch_.rows() > 0) {
      JAMMI_TRY(HandOut());
    }
    if (more_) end_.next_page_token = last_;
    return std::move(end_);
  }

 private:
  [[nodiscard]] bool IsFull() const {
    return batch_.rows() >= batch_rows_ || batch_.bytes() >= kTableBatchBytes;
  }
  [[nodiscard]] bool IsAtLimit() const { return end_.rows + batch_.rows() == limit_; }
  [[nodiscard]] Result<bool> HandOut() {
    end_.rows += batch_.rows();
    bytes_handed_out_ += batch_.bytes();
    JAMMI_ASSIGN(const auto batch, batch_.Finish());
    return on_batch_(batch);
  }

  const ScanStatement& statement_;
  BatchDecoder batch_;
  const int64_t batch_rows_;
  const int64_t limit_;
  const OnTableBatch& on_batch_;
  TableScanEnd end_;
  int64_t bytes_handed_out_ = 0;
  bool more_ = false;  // a row was there that was not wanted
  std::string last_;   // the token behind the last row that can be the end
};

Result<int64_t> BatchRows(const Table& table, const TableScan& scan) {
  if (scan.batch_rows < 0 || scan.batch_rows > kMostBatchRows)
    return InvalidArgument("batch_rows", fmt::format("must be at least 0, and at most {}", kMostBatchRows));
  return scan.batch_rows > 0 ? scan.batch_rows : static_cast<int64_t>(table.record().definition.chunk_size);
}

// Can a statement have failed because the id means another table by now, whose columns are others, and the
// storage of that which it was made for is gone?
bool MayComeOfAnother(const Error& error) {
  return HasFault(error, BackendFault::kExecution) || error.code() == ErrorCode::kAborted ||
         error.code() == ErrorCode::kInvalidArgument;
}

// No rows of these columns.
Result<std::shared_ptr<arrow::RecordBatch>> EmptyBatch(const Table& table,
                                                       const std::vector<std::string>& columns) {
  JAMMI_ASSIGN(const auto places, PlacesOf(table, columns));
  JAMMI_ASSIGN(auto none, BatchDecoder::Make(table, places));
  return none.Finish();
}

}  // namespace

Result<TableScanEnd> ScanIn(Transaction& tx, BackendKind kind, const std::shared_ptr<const Table>& table,
                            const Scope& reader, const TableScan& scan, const OnTableBatch& on_batch) {
  JAMMI_ASSIGN(const int64_t batch_rows, BatchRows(*table, scan));
  JAMMI_ASSIGN(const auto statement, ScanStatement::Make(table, kind, reader, scan));
  JAMMI_ASSIGN(auto decoder, BatchDecoder::Make(*table, statement.columns()));
  RunningScan running(statement, std::move(decoder), batch_rows, scan.limit, on_batch);
  JAMMI_TRY(StreamRows(tx, kind, statement.sql(), statement.most_rows(), running));
  return running.Finish();
}

Result<TableScanEnd> TableReader::Run(std::string_view id, const MakeScan& make,
                                      const OnTableBatch& on_batch) {
  // One moment for all statements of it.
  const TxOptions options{
      .isolation = IsolationLevel::kRepeatableRead, .read_only = true, .deadline = deadline_};
  bool handed_out = false;
  const auto once = [&](const std::shared_ptr<arrow::RecordBatch>& batch) {
    handed_out = true;
    return on_batch(batch);
  };
  CatalogBackend& backend = store_.backend();
  return TransactWhile(backend, options, IsStorageGone, [&](Transaction& tx) -> Result<TableScanEnd> {
    // Its transaction broke off. What was handed out cannot be taken back, and another sees another moment.
    if (handed_out)
      return Error(ErrorCode::kUnavailable,
                   "the connection to the database was lost in the middle of a scan");
    JAMMI_ASSIGN(const auto table, store_.Find(tx, reader_, id));
    JAMMI_ASSIGN(const TableScan scan, make(*table));
    return ScanIn(tx, backend.kind(), table, reader_, scan, once);
  });
}

Result<TableScanEnd> TableReader::Scan(std::string_view id, const TableScan& scan,
                                       const OnTableBatch& on_batch) {
  return Run(
      id, [&](const Table&) -> Result<TableScan> { return scan; }, on_batch);
}

Result<TableScanEnd> TableReader::Replay(std::string_view id, const FilterValue& after, const TableScan& scan,
                                         const OnTableBatch& on_batch) {
  const auto make = [&](const Table& table) -> Result<TableScan> {
    TableScan replay = scan;
    replay.order = TableOrder::kOrderColumn;
    // Without an order column the order is refused.
    if (const auto& column = table.record().definition.order_column)
      replay.filter = TableFilter::And({TableFilter::Greater(*column, after), scan.filter});
    return replay;
  };
  return Run(id, make, on_batch);
}

Result<TablePage> TableReader::ReadPage(std::string_view id, const TableScan& scan) {
  TableScan one = scan;
  one.limit = scan.limit.value_or(kDefaultTablePageRows);
  one.batch_rows = std::clamp<int64_t>(*one.limit, 0, kMostBatchRows);
  TablePage page;
  const auto take = [&](const std::shared_ptr<arrow::RecordBatch>& batch) -> Result<bool> {
    page.rows = batch;
    return false;
  };
  const auto make = [&](const Table& table) -> Result<TableScan> {
    JAMMI_ASSIGN(page.rows, EmptyBatch(table, scan.columns));
    return one;
  };
  JAMMI_ASSIGN(auto end, Run(id, make, take));
  page.next_page_token = std::move(end.next_page_token);
  return page;
}

Result<TableReader::Batch> TableReader::GetRowOf(const Table& table, std::span<const FilterValue> key,
                                                 const std::vector<std::string>& columns) {
  JAMMI_ASSIGN(const auto places, PlacesOf(table, columns));
  JAMMI_ASSIGN(const SqlText sql, RowByKeyOfId(table, reader_, key, places));
  JAMMI_ASSIGN(auto batch, BatchDecoder::Make(table, places));
  const TxOptions once{.read_only = true, .single_statement = true, .deadline = deadline_};
  return store_.backend().Transact(once, [&](Transaction& tx) -> Result<Batch> {
    bool is_current = false;
    const auto take = [&](const Row& row) -> Result<bool> {
      JAMMI_ASSIGN(const auto number, row.Get<int64_t>("n"));
      is_current = number == table.record().number;
      JAMMI_ASSIGN(const auto found, row.Get<std::optional<int64_t>>("found"));
      if (is_current && found) JAMMI_TRY(batch.Append(row));
      return true;
    };
    JAMMI_TRY(tx.Query(sql.text(), sql.params(), take));
    if (!is_current)
      return Error(ErrorCode::kAborted, fmt::format("table '{}': was replaced by another", table.id()));
    return batch.Finish();
  });
}

// What the id meant last is tried first: mostly it means that still, and then one statement does.
Result<std::shared_ptr<arrow::RecordBatch>> TableReader::GetRow(std::string_view id,
                                                                std::span<const FilterValue> key,
                                                                const std::vector<std::string>& columns) {
  if (const auto last = store_.LastFound(reader_, id)) {
    auto row = GetRowOf(*last, key, columns);
    if (row || !MayComeOfAnother(row.error())) return row;
  }
  const TxOptions options{.read_only = true, .deadline = deadline_};
  return TransactWhile(store_.backend(), options, IsStorageGone, [&](Transaction& tx) -> Result<Batch> {
    JAMMI_ASSIGN(const auto table, store_.Find(tx, reader_, id));
    JAMMI_ASSIGN(const auto places, PlacesOf(*table, columns));
    JAMMI_ASSIGN(const SqlText sql, RowByKey(*table, reader_, key, places));
    JAMMI_ASSIGN(auto batch, BatchDecoder::Make(*table, places));
    const auto take = [&](const Row& row) -> Result<bool> {
      JAMMI_TRY(batch.Append(row));
      return true;
    };
    JAMMI_TRY(tx.Query(sql.text(), sql.params(), take));
    return batch.Finish();
  });
}

Result<int64_t> TableReader::CountRows(std::string_view id, const TableFilter& filter) {
  const TxOptions options{.read_only = true, .deadline = deadline_};
  return TransactWhile(store_.backend(), options, IsStorageGone, [&](Transaction& tx) -> Result<int64_t> {
    JAMMI_ASSIGN(const auto table, store_.Find(tx, reader_, id));
    JAMMI_ASSIGN(const SqlText sql, CountOf(*table, store_.backend().kind(), reader_, filter));
    int64_t rows = 0;
    JAMMI_TRY(tx.Query(sql.text(), sql.params(), [&](const Row& row) -> Result<bool> {
      JAMMI_ASSIGN(rows, row.Get<int64_t>("n"));
      return true;
    }));
    return rows;
  });
}

}  // namespace jammi
