// CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected, as in RFC 3720): finds damage of stored bytes.
#pragma once

#include <cstdint>
#include <string_view>

namespace jammi::events {

// `seed`: the CRC of what comes before `bytes`. By the processor's instruction where it has one.
[[nodiscard]] uint32_t Crc32c(std::string_view bytes, uint32_t seed = 0);
// The same without it.
[[nodiscard]] uint32_t PortableCrc32c(std::string_view bytes, uint32_t seed = 0);

}  // namespace jammi::events
