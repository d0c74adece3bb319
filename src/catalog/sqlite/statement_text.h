// From the one SQL text of both databases to what SQLite takes.
#pragma once

#include <string>
#include <string_view>

namespace jammi::sqlite {

// Turns the placeholders $1, $2, ... into ?1, ?2, ...: SQLite reads $1 as a name and numbers names by
// appearance. String literals, quoted names, comments and names that contain a $ stay as they are.
[[nodiscard]] std::string NumberPlaceholders(std::string_view sql);

}  // namespace jammi::sqlite
