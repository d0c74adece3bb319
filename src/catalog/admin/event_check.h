// Reads the whole log and holds it against the heads of its topics.
#pragma once

#include <functional>

#include "catalog/admin/database.h"

namespace jammi::admin {

// Topic by topic, a thousand events at a time: no read holds a snapshot for long, and events that are added
// or trimmed meanwhile are not taken for damage.
[[nodiscard]] Result<void> CheckEvents(Database& database, CheckReport& report,
                                       const std::function<void(const CheckFinding&)>& found);

}  // namespace jammi::admin
