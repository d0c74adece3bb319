#include "catalog/body.h"

#include <arrow/buffer.h>
#include <fmt/format.h>

#include <exception>

#include "catalog/producer_keys.h"

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

namespace {

Result<void> CheckEvent(const EventAppend& event) {
  if (event.payload == nullptr) return Error(ErrorCode::kInvalidArgument, "the event has no payload");
  if (event.row_count < 0) {
    return Error(ErrorCode::kInvalidArgument, fmt::format("the event's row count is {}", event.row_count));
  }
  return {};
}

}  // namespace

Result<void> CheckAppend(const AppendRequest& request) {
  if (request.events.empty()) return Error(ErrorCode::kInvalidArgument, "there is no event to append");
  const EventAppend& first = request.events.front();
  for (const EventAppend& event : request.events) {
    JAMMI_TRY(CheckEvent(event));
    if (event.topic_no == first.topic_no && event.scope == first.scope) continue;
    return Error(ErrorCode::kInvalidArgument,
                 "events that are appended together must be of one topic and scope");
  }
  if (request.producer_key.empty()) return {};
  return CheckProducerKey(request.producer_key);
}

Error SecondStatement() {
  return Error(ErrorCode::kInternal, "a body that has promised to run one statement runs a second one");
}

}  // namespace jammi
