// Records as JSON: a row of the topic, and a line of an export.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "audit/stored_record.h"

namespace jammi::audit {

// The members of the published implementation in their order; the last bracket is left to the caller.
void AppendRecordJson(const StoredRecord& record, std::string& out);
// With its number, scheme, key and chain: a line of an export.
[[nodiscard]] std::string ExportLine(const StoredRecord& record);

struct ParsedRecord {
  AuditRecord record;  // its lineage as CanonicalJson() has it
  int64_t seq = 0;     // 0: it has none
  std::string chain;   // empty: it has none
};
// Members of other names are left out. Errors: kInvalidArgument, which names the member.
[[nodiscard]] Result<ParsedRecord> ParseRecord(std::string_view json);

}  // namespace jammi::audit
