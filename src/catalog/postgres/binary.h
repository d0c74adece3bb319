// PostgreSQL's binary form of values: numbers in network order, text and bytes as they are.
#pragma once

#include <bit>
#include <cstring>
#include <string>
#include <type_traits>
#include <variant>

#include "jammi/catalog_backend.h"

namespace jammi::postgres {

template <class T>
void PutNumber(std::string& out, T value) {
  const T network = std::byteswap(value);
  char raw[sizeof(T)];
  std::memcpy(raw, &network, sizeof(T));
  out.append(raw, sizeof(T));
}

// A length, and so many bytes.
inline void PutSized(std::string& out, std::string_view value) {
  PutNumber(out, static_cast<uint32_t>(value.size()));
  out.append(value);
}
inline void PutSized(std::string& out, SqlBytes value) {
  PutSized(out, std::string_view(reinterpret_cast<const char*>(value.data()), value.size()));
}
inline void PutSized(std::string& out, int64_t value) {
  PutNumber(out, uint32_t{sizeof(value)});
  PutNumber(out, value);
}
inline void PutSized(std::string& out, double value) { PutSized(out, std::bit_cast<int64_t>(value)); }
// The length of NULL.
inline void PutNull(std::string& out) { PutNumber(out, ~uint32_t{0}); }

inline void PutValue(std::string& out, const SqlValue& value) {
  std::visit(
      [&]<class T>(const T& one) {
        if constexpr (std::is_same_v<T, std::monostate>) {
          PutNull(out);
        } else {
          PutSized(out, one);
        }
      },
      value.get());
}

}  // namespace jammi::postgres
