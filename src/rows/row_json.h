// Rows as JSON: what docs/formats.md says of the values of Arrow's types.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace jammi {

// `text`, which is UTF-8, in quotes.
void AppendJsonText(std::string_view text, std::string& out);

// The value in the array's place `i`. REQUIRES: the array is valid, and has the place.
void AppendValueJson(const arrow::Array& array, int64_t i, std::string& out);

// The columns of the row as one object. REQUIRES: the batch is valid, and has the row.
void AppendRowJson(const arrow::RecordBatch& batch, int64_t row, std::string& out);

}  // namespace jammi
