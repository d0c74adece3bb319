#include "audit/audit_fixture.h"

#include <arrow/api.h>

namespace jammi::test {

std::vector<AuditRecord> AuditTest::Announced(const Scope& scope) {
  std::vector<AuditRecord> records;
  const auto topic = node_.streams->FindTopic(scope, kAuditTopic);
  if (!topic) return records;
  const auto replay = Ok(node_.streams->Subscribe(scope, topic->id, From::Offset(0), {.follow = false}));
  while (auto next = Ok(replay->Next(Deadline::After(std::chrono::seconds(30))))) {
    const auto& column = static_cast<const arrow::StringArray&>(*next->batch->column(0));
    for (int64_t row = 0; row < column.length(); ++row) {
      records.push_back(Ok(ParseAuditRecord(column.GetView(row))));
    }
  }
  return records;
}

}  // namespace jammi::test
