// The segments of a result table's vector index. Each is a bundle of files that never changes; a table's
// index is all of its segments together.
//
// A bundle is written first, under a name that nobody else uses, and durable; then its row is added. So a
// segment that is listed has its files, and a builder that dies between the two leaves files that nobody
// lists.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/catalog_access.h"
#include "jammi/clock.h"
#include "jammi/lease.h"
#include "jammi/result.h"
#include "jammi/storage_precision.h"

namespace jammi {

[[nodiscard]] std::string_view ToString(StoragePrecision precision);
// Errors: kInvalidArgument.
[[nodiscard]] Result<StoragePrecision> ParseStoragePrecision(std::string_view text);

struct IndexSegment {
  int64_t segment_id = 0;  // from 0 on; given once in the life of a table
  std::string bundle_path;
  int64_t row_count = 0;
  UnixMicros created_at = 0;
  bool operator==(const IndexSegment&) const = default;
};

struct AppendSegmentParams {
  std::string bundle_path;                              // base URL without extension, 1..4096 bytes
  int64_t row_count = 0;                                // 0 or more
  StoragePrecision precision = StoragePrecision::kF32;  // must be the table's
};

// The segments of the tables that one scope sees. A light handle: cheap to copy, thread-safe. Every verb
// is one transaction, like those of ResultTables; the errors of all are the same.
//
// Who writes to a table that is still being built shows the token of his lease (jammi/result_tables.h).
class IndexSegments {
 public:
  using Page = jammi::Page<IndexSegment>;

  explicit IndexSegments(CatalogAccess access) : access_(std::move(access)) {}

  // The same handle, whose calls fail with kDeadlineExceeded if they cannot begin in time.
  [[nodiscard]] IndexSegments WithDeadline(Deadline deadline) const;

  // Adds a segment to a table that this scope owns. Callers at the same time get consecutive ids.
  // Errors: kNotFound with ResultTableNotFoundDetail, also for a global table or another's;
  // kFailedPrecondition: with LeaseLostDetail, see above; or the table has failed, or stores another
  // precision; kAlreadyExists: the table has a segment of that bundle.
  [[nodiscard]] Result<IndexSegment> Append(std::string_view table_name, const AppendSegmentParams& params,
                                            const std::optional<LeaseToken>& lease = {});

  // The segments of a visible table, own before global, by id.
  // Errors: kNotFound with ResultTableNotFoundDetail.
  [[nodiscard]] Result<Page> List(std::string_view table_name, int page_size = kDefaultPageSize,
                                  std::string_view page_token = {}) const;

  // The largest id in use; none when the table has no segments. Errors: as List().
  [[nodiscard]] Result<std::optional<int64_t>> MaxId(std::string_view table_name) const;

  // Removes all segments of a table that this scope owns and returns them, by id. Their files are the
  // caller's to remove. Ids that were given are not given again.
  // Errors: kNotFound with ResultTableNotFoundDetail; kFailedPrecondition with LeaseLostDetail.
  [[nodiscard]] Result<std::vector<IndexSegment>> DeleteAll(std::string_view table_name,
                                                            const std::optional<LeaseToken>& lease = {});

 private:
  CatalogAccess access_;
};

}  // namespace jammi
