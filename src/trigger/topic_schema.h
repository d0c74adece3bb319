// Which schemas a topic may have, and whether a batch has the topic's.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <string_view>

#include "jammi/result.h"

namespace jammi {

// The schema as it is stored and delivered: `schema` without metadata, at every level (TRG-011).
// Errors: kInvalidArgument: no columns; a column name that is empty, not UTF-8, reserved (tenant_id,
// _offset, _row_idx, _produced_at, in any case), or equal to another's but for case; a schema that is
// larger than 1 MiB; with UnsupportedSchemaTypeDetail for a type that the log cannot carry.
[[nodiscard]] Result<std::shared_ptr<arrow::Schema>> PrepareTopicSchema(
    const std::shared_ptr<arrow::Schema>& schema);

// Are names, order, types and nullability of the columns the topic's? Metadata does not count: a topic
// has none. Errors: kInvalidArgument with BatchSchemaMismatchDetail, which names the first column that
// differs (TRG-032).
[[nodiscard]] Result<void> CheckBatchSchema(std::string_view topic, const arrow::Schema& expected,
                                            const arrow::Schema& actual);

}  // namespace jammi
