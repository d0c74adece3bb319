// Which schemas a topic may have, and whether a batch has the topic's.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <string_view>

#include "jammi/result.h"
#include "trigger/codec.h"

namespace jammi {

// The schema as it is stored and delivered: `schema` without metadata, at every level (TRG-011).
// Errors: kInvalidArgument: no columns; a column name that is empty, not UTF-8, reserved (tenant_id,
// _offset, _row_idx, _produced_at, in any case), or equal to another's but for case; a schema that is
// larger than 1 MiB; with UnsupportedSchemaTypeDetail for a type that the log cannot carry.
[[nodiscard]] Result<std::shared_ptr<arrow::Schema>> PrepareTopicSchema(
    const std::shared_ptr<arrow::Schema>& schema);

// The schema of `topic` with `fields` appended, checked and cleaned as by PrepareTopicSchema().
// Errors: kInvalidArgument: no fields, one that may not be null (an event without the column is read as null
// there), or what PrepareTopicSchema() refuses; kAlreadyExists with SchemaConflictDetail: the topic has all
// of these columns, as they are given; kFailedPrecondition with SchemaConflictDetail: it has a column of one
// of the names, in any case.
[[nodiscard]] Result<std::shared_ptr<arrow::Schema>> AppendTopicColumns(std::string_view topic,
                                                                        const arrow::Schema& schema,
                                                                        const arrow::FieldVector& fields);

// Is `later` the schema `earlier` with nullable columns appended?
[[nodiscard]] bool IsGrowthOf(const arrow::Schema& earlier, const arrow::Schema& later);

// Are names, order, types and nullability of the columns those of a version of the topic's schema? Metadata
// does not count: a topic has none. Errors: kInvalidArgument with BatchSchemaMismatchDetail, which names the
// first column that differs from the newest version's (TRG-032).
[[nodiscard]] Result<void> CheckBatchSchema(std::string_view topic, const EventCodec& codec,
                                            const arrow::Schema& actual);
[[nodiscard]] Result<void> CheckBatchSchema(std::string_view topic, const arrow::Schema& expected,
                                            const arrow::Schema& actual);

}  // namespace jammi
