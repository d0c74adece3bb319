// The events of the torture test as Arrow record batches.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <string>

namespace jammi::test {

[[nodiscard]] const std::shared_ptr<arrow::Schema>& EventSchema();

// All rows of the event `key`.
[[nodiscard]] std::shared_ptr<arrow::RecordBatch> ToBatch(const std::string& key);

// What a batch holds: the key that its rows name, "?" if that is not one, and the digest of its rows.
struct Description {
  std::string key;
  uint64_t digest = 0;
};
[[nodiscard]] Description Describe(const arrow::RecordBatch& batch);

}  // namespace jammi::test
