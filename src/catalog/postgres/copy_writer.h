// Rows on their way into a table, by COPY in binary form.
#pragma once

#include <string>

#include "catalog/postgres/binary.h"
#include "catalog/postgres/connection.h"

namespace jammi::postgres {

// On a connection whose BeginCopyIn() said FORMAT binary.
class CopyWriter {
 public:
  explicit CopyWriter(Connection& connection) : connection_(connection) {
    bytes_.append("PGCOPY\n\377\r\n\0", 11);
    PutNumber(bytes_, uint32_t{0});  // flags
    PutNumber(bytes_, uint32_t{0});  // no extension of the header
  }

  [[nodiscard]] Result<void> Add(SqlParams values) {
    PutNumber(bytes_, static_cast<uint16_t>(values.size()));
    for (const SqlValue& value : values) PutValue(bytes_, value);
    return bytes_.size() < kPiece ? Result<void>() : Send();
  }

  [[nodiscard]] Result<void> Finish() {
    PutNumber(bytes_, uint16_t{0xffff});
    JAMMI_TRY(Send());
    return connection_.EndCopyIn();
  }

 private:
  static constexpr size_t kPiece = 1 << 18;

  Result<void> Send() {
    JAMMI_TRY(connection_.PutCopyIn(bytes_));
    bytes_.clear();
    return {};
  }

  Connection& connection_;
  std::string bytes_;
};

}  // namespace jammi::postgres
