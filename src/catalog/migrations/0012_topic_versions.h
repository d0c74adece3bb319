// A topic's schema grows by columns at its end. Each event says itself how many it has; here stands which
// numbers are right.
#pragma once

#include <string_view>

namespace jammi {

inline constexpr std::string_view kTopicVersionsMigration = R"sql(
-- How many columns each earlier version of the schema had: a JSON array, ascending.
ALTER TABLE topics ADD COLUMN earlier_columns TEXT NOT NULL DEFAULT '[]';
)sql";

}  // namespace jammi
