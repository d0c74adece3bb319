// How a vector index stores components.
#pragma once

#include <cstdint>

namespace jammi {

// Stored as text, "f32", "f16", "int8", "binary"; the numbers may change.
enum class StoragePrecision : uint8_t { kF32, kF16, kInt8, kBinary };

}  // namespace jammi
