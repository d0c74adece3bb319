// What is told of an ephemeral session: JSON, one record an event. Format: docs/formats.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/clock.h"

namespace jammi {

enum class SessionLifecycleEvent : uint8_t { kOpened, kClosed, kTimedOut, kPartialDeletionFailure };
[[nodiscard]] std::string_view ToString(SessionLifecycleEvent event);

struct SessionLifecycleRecord {
  std::string session_id;
  std::string tenant_id;
  SessionLifecycleEvent event = SessionLifecycleEvent::kOpened;
  UnixMicros occurred_at = 0;
  int64_t ephemeral_table_count = 0;
  int64_t deleted_row_count = 0;

  // What follows becomes `details`, which is left out when there are none.
  std::vector<std::string> surviving_tables = {};  // of a partial deletion failure: ids
  SessionLifecycleEvent attempted_event = SessionLifecycleEvent::kClosed;  // of the same
  std::string_view reason = {};                                            // of an end that nobody asked for
};

[[nodiscard]] std::string ToJson(const SessionLifecycleRecord& record);

}  // namespace jammi
