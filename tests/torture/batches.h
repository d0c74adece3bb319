// The events of the torture test as Arrow record batches.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <string>

namespace jammi::test {

// With so many appended columns: "c1", "c2", ..., each n and its own number, or null in an event without it.
[[nodiscard]] std::shared_ptr<arrow::Schema> EventSchema(size_t appended = 0);
[[nodiscard]] size_t AppendedColumns(const arrow::Schema& schema);

// All rows of the event `key`, with the appended columns that it names.
[[nodiscard]] std::shared_ptr<arrow::RecordBatch> ToBatch(const std::string& key);

// What a batch holds: the key that its rows name, "?" if that is not one or an appended column holds
// something else than that event's, and the digest of its rows.
struct Description {
  std::string key;
  uint64_t digest = 0;
};
[[nodiscard]] Description Describe(const arrow::RecordBatch& batch);

}  // namespace jammi::test
