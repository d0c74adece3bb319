// What our .cc files that use OpenSSL share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace jammi::events {

// In bytes.
inline constexpr size_t kEd25519SignatureSize = 64;
inline constexpr size_t kHmacSignatureSize = 32;

// For unique_ptr: Freer<EVP_PKEY_free>.
template <auto kFree>
struct Freer {
  template <class T>
  void operator()(T* taken) const {
    kFree(taken);
  }
};

inline const uint8_t* Bytes(std::string_view text) { return reinterpret_cast<const uint8_t*>(text.data()); }
inline uint8_t* MutableBytes(std::string& text) { return reinterpret_cast<uint8_t*>(text.data()); }

}  // namespace jammi::events
