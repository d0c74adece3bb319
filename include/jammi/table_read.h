// How rows of a mutable table are read; see Tables in jammi/tables.h.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jammi/result.h"
#include "jammi/table_filter.h"

namespace jammi {

// In which order rows come. Keys and order columns are compared as TableFilter compares them, but for -0.0,
// which comes before 0.0. Rows of equal order value come by their keys; of a tenant's row and a global one
// with the same key, the tenant's comes first. Descending is the exact reverse.
enum class TableOrder : uint8_t {
  kNone,  // as it is quickest; there are no page tokens then
  kKey,
  kKeyDescending,
  kOrderColumn,
  kOrderColumnDescending,
};

// Which rows, and what of them. The database finds, filters, orders and counts them; an index whose columns
// the filter compares, and those of the key and of the order column, keep it from reading others.
struct TableScan {
  std::vector<std::string> columns = {};  // in this order, none twice; empty: all
  TableFilter filter = {};
  TableOrder order = TableOrder::kKey;
  std::optional<int64_t> limit = std::nullopt;  // rows at most; 0 or more
  int64_t batch_rows = 0;                       // rows of a batch at most; 0: the table's chunk_size
  // Of an earlier scan of the same table with the same filter and order: goes on behind its last row.
  std::string page_token = {};
};

// How a scan came to its end.
struct TableScanEnd {
  int64_t rows = 0;  // handed out
  // Where the next scan goes on, if this one was ended by its limit or by the caller; empty: there are no
  // more rows, or they have no order.
  std::string next_page_token;
};

// Takes one batch, which holds one row at least, or says by false that it wants no more.
using OnTableBatch = std::function<Result<bool>(const std::shared_ptr<arrow::RecordBatch>& batch)>;

struct TablePage {
  std::shared_ptr<arrow::RecordBatch> rows;  // may hold none
  std::string next_page_token;               // empty: that was all
};

// A batch ends behind the row with which its text and bytes come to this, however few rows it has then.
inline constexpr int64_t kTableBatchBytes = int64_t{8} << 20;
// Rows of a page, unless they are limited otherwise.
inline constexpr int64_t kDefaultTablePageRows = 1000;

}  // namespace jammi
