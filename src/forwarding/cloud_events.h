// What is forwarded, as CloudEvents. docs/formats.md has their types and their data.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "catalog/event_log.h"
#include "catalog/topic_repo.h"
#include "jammi/events/event.h"
#include "jammi/result.h"

namespace jammi {

// The consumers that read for the forwarder, one of each topic; and all other names of the engine's own.
inline constexpr std::string_view kForwardingConsumer = "jammi.events";

// What the rows of a topic become.
enum class ForwardAs : uint8_t {
  kRows,     // themselves
  kChanges,  // what happened to the catalog
  kAudit,    // records of the audit log
};

struct ForwardedFrom {
  int64_t topic_no = 0;
  TopicId id{Uuid{}};
  std::string name;
  Scope owner = Scope::Global();
  ForwardAs as = ForwardAs::kRows;
};

// Offsets of a topic that were never forwarded.
struct ForwardingGap {
  uint64_t first = 0;
  uint64_t next = 0;        // behind the last one
  std::string_view reason;  // "trimmed", "damaged"
};

// Makes the same event, with the same id, of the same row, whenever and wherever it is asked. Immutable.
class EventMaker {
 public:
  EventMaker(std::string_view source, std::string_view incarnation);

  // nullopt: of this row nothing is told. Errors: kInvalidArgument, kDataLoss: it cannot be told.
  [[nodiscard]] Result<std::optional<events::Event>> Make(const ForwardedFrom& from, const LogEvent& event,
                                                          const arrow::RecordBatch& batch, int64_t row) const;
  [[nodiscard]] Result<events::Event> MakeGap(const ForwardedFrom& from, const ForwardingGap& gap,
                                              UnixMicros now) const;

 private:
  [[nodiscard]] events::Event Begin(const ForwardedFrom& from, std::string_view place, UnixMicros time,
                                    const std::optional<TenantId>& tenant) const;

  const std::string source_;
  const std::string incarnation_;
};

}  // namespace jammi
