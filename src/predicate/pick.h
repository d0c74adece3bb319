// Rows of a batch, chosen by number.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <span>

#include "jammi/result.h"

namespace jammi::predicate {

// Ascending, without repetition.
using Rows = std::span<const uint32_t>;

// The rows as a batch of the same schema: `batch` itself when they are all, nullptr when there is none, a
// slice when they lie side by side, else a copy.
// Errors: kResourceExhausted without memory; kInternal when Arrow cannot copy a column.
[[nodiscard]] Result<std::shared_ptr<arrow::RecordBatch>> Pick(
    const std::shared_ptr<arrow::RecordBatch>& batch, Rows rows);

}  // namespace jammi::predicate
