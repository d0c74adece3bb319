// The schema of the catalog as a list of numbered steps. A step that was released is never edited,
// renamed or reordered: its digest stands in the ledger of every database that took it.
#pragma once

#include <span>
#include <string_view>

namespace jammi {

struct Migration {
  std::string_view name;  // "0002_topics"; ordered by it
  std::string_view sql;   // statements, each ended by a semicolon
};

// In order. The types are SQLite's; postgres/schema.h says what becomes of them there. A step may use
// jammi_now(), the database's time in microseconds.
[[nodiscard]] std::span<const Migration> Migrations();

}  // namespace jammi
