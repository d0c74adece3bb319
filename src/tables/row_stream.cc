#include "tables/row_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace jammi {
namespace {

// How many rows the next fetch asks for, a power of two: the texts of statements are kept.
int64_t NextFetch(int64_t rows, int64_t bytes) {
  const int64_t row_bytes = std::max<int64_t>(1, bytes / std::max<int64_t>(1, rows));
  const int64_t fitting = std::clamp<int64_t>(kFetchBytes / row_bytes, 1, kMostFetchRows);
  return static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(fitting)));
}

Result<void> StreamByCursor(Transaction& tx, const SqlText& select, RowTaker& taker) {
  const std::string declare = "DECLARE jammi_rows NO SCROLL CURSOR FOR " + select.text();
  JAMMI_TRY(tx.Execute(declare, select.params()));
  int64_t fetch = kFirstFetchRows;
  bool wanted = true;
  while (wanted) {
    int64_t rows = 0;
    const int64_t bytes_before = taker.bytes();
    const auto take = [&](const Row& one) -> Result<bool> {
      JAMMI_ASSIGN(wanted, taker.Take(one));
      ++rows;
      return wanted;
    };
    JAMMI_TRY(tx.Query(fmt::format("FETCH {} FROM jammi_rows", fetch), {}, take));
    if (rows < fetch) break;
    fetch = NextFetch(rows, taker.bytes() - bytes_before);
  }
  JAMMI_TRY(tx.Execute("CLOSE jammi_rows"));
  return {};
}

}  // namespace

Result<void> StreamRows(Transaction& tx, BackendKind kind, const SqlText& select,
                        std::optional<int64_t> most_rows, RowTaker& taker) {
  const bool few = most_rows && *most_rows <= kFirstFetchRows;
  if (kind == BackendKind::kPostgres && !few) return StreamByCursor(tx, select, taker);
  return tx.Query(select.text(), select.params(), [&](const Row& row) { return taker.Take(row); });
}

}  // namespace jammi
