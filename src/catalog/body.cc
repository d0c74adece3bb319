#include "catalog/body.h"

#include <arrow/buffer.h>
#include <fmt/format.h>

#include <exception>

namespace jammi {

Result<void> CallBody(const CatalogBackend::Body& body, Transaction& tx) {
  try {
    return body(tx);
  } catch (const std::exception& thrown) {
    return Error(ErrorCode::kInternal, fmt::format("a transaction body threw: {}", thrown.what()));
  } catch (...) {
    return Error(ErrorCode::kInternal, "a transaction body threw something that is no exception");
  }
}

Result<void> CheckEvent(const EventAppend& event) {
  if (event.payload == nullptr) return Error(ErrorCode::kInvalidArgument, "the event has no payload");
  if (event.row_count < 0) {
    return Error(ErrorCode::kInvalidArgument, fmt::format("the event's row count is {}", event.row_count));
  }
  return {};
}

}  // namespace jammi
