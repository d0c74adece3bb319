// An event as a NATS message: what docs/formats.md describes, and any NATS user can read.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "jammi/clock.h"
#include "jammi/ids.h"
#include "jammi/result.h"
#include "nats/message.h"

namespace jammi {

inline constexpr const char* kOffsetHeader = "jammi-offset";
inline constexpr const char* kProducedAtHeader = "jammi-produced-at-us";
inline constexpr const char* kTenantHeader = "jammi-publish-tenant";
// In place of a body that is larger than the server takes: its size in bytes.
inline constexpr const char* kOmittedHeader = "jammi-payload-omitted";
inline constexpr const char* kMessageIdHeader = "Nats-Msg-Id";

[[nodiscard]] std::string StreamNameOf(const TopicId& topic);
[[nodiscard]] std::string SubjectOf(const TopicId& topic);

struct EventPlace {
  uint64_t offset = 0;
  UnixMicros produced_at = 0;
  std::optional<TenantId> tenant;
};

// A whole Arrow IPC stream: schema, the batch, the end; not compressed (TRG-068).
[[nodiscard]] Result<std::shared_ptr<arrow::Buffer>> EncodeBody(const arrow::RecordBatch& batch);
// Is `actual` the schema, or an earlier or later version of it?
[[nodiscard]] Result<void> CheckSomeVersion(std::string_view topic, const arrow::Schema& schema,
                                            const arrow::Schema& actual);
[[nodiscard]] nats::Headers EventHeaders(const TopicId& topic, std::string_view publisher,
                                         const EventPlace& place);

// The offset that a message claims; nullopt: it has none that can be read.
[[nodiscard]] std::optional<uint64_t> OffsetOf(const nats::Message& message);
// What the headers say. Errors: kDataLoss, naming the header that is missing or wrong (TRG-072).
[[nodiscard]] Result<EventPlace> ReadPlace(const nats::Message& message);
// The batch in the body, which stays in the message's memory and keeps it. Never reads outside of it,
// whatever the bytes are. It has the columns of `schema`, or of an earlier or later version of it: some fewer
// or more at the end. Errors: kDataLoss: there is none, it is damaged, it is not one batch with such columns,
// or it was left out because it was too large.
[[nodiscard]] Result<std::shared_ptr<arrow::RecordBatch>> ReadBatch(
    const std::shared_ptr<const nats::Message>& message, const arrow::Schema& schema);

}  // namespace jammi
