// Any bytes: decoding ends with an error that has no detail, or with a batch that can be read to its last
// value, and that says the same after another way over the wire.
#include <arrow/compare.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <variant>

#include "server/arrow_wire.h"

namespace jammi {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

void RequireRefusal(const Error& error) {
  Require(error.code() == ErrorCode::kInvalidArgument);
  Require(std::holds_alternative<std::monostate>(error.detail()));
}

void Check(std::string_view bytes) {
  if (const auto schema = DecodeWireSchema(bytes)) {
    Require(!(*schema)->ToString().empty() || (*schema)->num_fields() == 0);
  } else {
    RequireRefusal(schema.error());
  }
  const auto batch = DecodeWireBatch("", bytes, nullptr);
  // As the first of its schema, and as a later one.
  static WireSchemas known;
  for (int i = 0; i < 2; ++i) {
    const auto again = DecodeWireBatch("", bytes, nullptr, &known);
    Require(static_cast<bool>(again) == static_cast<bool>(batch));
    if (batch) {
      Require((*again)->Equals(**batch, true, arrow::EqualOptions::Defaults().nans_equal(true)));
    } else {
      Require(again.error().message() == batch.error().message());
    }
  }
  if (!batch) return RequireRefusal(batch.error());
  Require((*batch)->ValidateFull().ok());
  (void)(*batch)->ToString();
  const auto encoded = EncodeWireBatch(**batch);
  if (!encoded) return;
  const auto again = DecodeWireBatch("", *encoded, nullptr);
  Require(again && (*again)->num_rows() == (*batch)->num_rows());
}

}  // namespace
}  // namespace jammi

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  jammi::Check(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
