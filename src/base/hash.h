// Digests and checksums; the algorithms come from OpenSSL and xxHash.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace jammi {

using Sha256Digest = std::array<uint8_t, 32>;

[[nodiscard]] Sha256Digest Sha256(std::span<const uint8_t> bytes);
[[nodiscard]] std::string Sha256Hex(std::string_view text);
[[nodiscard]] std::string ToHex(std::span<const uint8_t> bytes);

// XXH3, 64 bits: finds damage, proves nothing about intent. Stored with every event (docs/formats.md).
[[nodiscard]] uint64_t Checksum(std::span<const uint8_t> bytes);

// Of a map that is looked up in by views of its keys.
struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};

}  // namespace jammi
