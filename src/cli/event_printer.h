// The events of a topic as they are printed: rows, with their offset and time in front.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string_view>

#include "jammi/clock.h"
#include "jammi/result.h"

namespace jammi {

// Used by one thread.
class EventPrinter {
 public:
  // `form`: table, json, csv or arrow. `rows_only`: without the columns _offset and _produced_at, as
  // `jammi publish` takes them.
  [[nodiscard]] static Result<std::unique_ptr<EventPrinter>> Make(
      std::string_view form, bool rows_only, const std::shared_ptr<arrow::Schema>& schema, std::ostream& out);
  virtual ~EventPrinter() = default;
  // REQUIRES: the batch is valid. Errors: kFailedPrecondition: it has another schema.
  [[nodiscard]] virtual Result<void> Print(uint64_t offset, UnixMicros produced_at,
                                           const arrow::RecordBatch& batch) = 0;
  [[nodiscard]] virtual Result<void> End() = 0;
};

}  // namespace jammi
