#include "ephemeral/lifecycle_record.h"

#include <array>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "catalog/enum_text.h"

namespace jammi {

std::string_view ToString(SessionLifecycleEvent event) {
  static constexpr std::array<std::string_view, 4> texts = {"opened", "closed", "timed_out",
                                                            "partial_deletion_failure"};
  return TextOf(texts, event);
}

std::string ToJson(const SessionLifecycleRecord& record) {
  nlohmann::ordered_json json = {{"session_id", record.session_id},
                                 {"tenant_id", record.tenant_id},
                                 {"event", ToString(record.event)},
                                 {"occurred_at", FormatUtc(record.occurred_at)},
                                 {"ephemeral_table_count", record.ephemeral_table_count},
                                 {"deleted_row_count", record.deleted_row_count}};
  if (record.event == SessionLifecycleEvent::kPartialDeletionFailure) {
    json["details"] = {{"surviving_tables", record.surviving_tables},
                       {"attempted_event", ToString(record.attempted_event)}};
  } else if (!record.reason.empty()) {
    json["details"] = {{"reason", record.reason}};
  }
  return json.dump();
}

}  // namespace jammi
