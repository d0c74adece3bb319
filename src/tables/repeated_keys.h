// Rows of one call that share a key, of which one counts.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "jammi/catalog_backend.h"
#include "jammi/result.h"

namespace jammi {

enum class Keep : uint8_t { kFirst, kLast };

// Appends a value so that equal values, and no others, give equal bytes; also one after another.
void AppendKeyBytes(const SqlValue& value, std::string& bytes);

// True for each row, of `rows`, that another one of the same key takes the place of; empty: no two share a
// key. `key(row, bytes)` appends the key of a row. Takes 16 bytes a row meanwhile.
// Errors: those of `key`.
[[nodiscard]] Result<std::vector<bool>> FindRepeated(
    int64_t rows, Keep keep, const std::function<Result<void>(int64_t row, std::string& bytes)>& key);

}  // namespace jammi
