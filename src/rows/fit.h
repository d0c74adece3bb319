// Batches of others as batches of a given schema.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>

#include "jammi/result.h"

namespace jammi {

// The batch with the columns of `schema`, found by their names: order, metadata and whether they are said to
// be nullable do not count, and what may be null may be absent. Values of a near type are converted if
// nothing is lost: integers of other widths, shorter floats, other layouts of texts and bytes, times of
// another unit, dictionaries. REQUIRES: the batch is valid. Errors: kInvalidArgument, which names the column.
[[nodiscard]] Result<std::shared_ptr<arrow::RecordBatch>> FitBatch(
    const arrow::RecordBatch& batch, const std::shared_ptr<arrow::Schema>& schema);

// The same of a schema alone, as far as it decides: a batch of `given` may still hold a value that does not
// fit.
[[nodiscard]] Result<void> CheckFits(const arrow::Schema& given, const arrow::Schema& schema);

}  // namespace jammi
