// Schemas and batches as whole Arrow IPC streams: how they stand in the messages of the wire.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/result.h"

namespace jammi {

// A stream without batches. Errors: kInvalidArgument: IPC cannot carry the schema.
[[nodiscard]] Result<std::string> EncodeSchemaStream(const arrow::Schema& schema);
// Also of a stream that is not ended. Errors: kInvalidArgument: the bytes are no stream.
[[nodiscard]] Result<std::shared_ptr<arrow::Schema>> DecodeSchemaStream(std::string_view bytes);

// A stream of one batch. Errors: kInvalidArgument: IPC cannot carry it.
[[nodiscard]] Result<std::string> EncodeBatchStream(const arrow::RecordBatch& batch);
// Copies the bytes; each batch is checked whole. Errors: kInvalidArgument: the bytes are no stream of valid
// batches.
[[nodiscard]] Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> DecodeBatchStream(
    std::string_view bytes);

}  // namespace jammi
