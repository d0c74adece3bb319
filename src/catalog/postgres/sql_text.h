// Reads SQL as far as one must without a parser.
#pragma once

#include <string>
#include <string_view>

namespace jammi::postgres {

// The length of the word, literal, quoted name, comment or single byte at the beginning of `sql`, which is
// not empty. (A doubled quote ends one literal and begins the next, which comes to the same.)
[[nodiscard]] size_t TokenLength(std::string_view sql);

[[nodiscard]] bool IsWordByte(char c);

// The text from its first word on, without comments and spaces in front; empty: there is nothing else.
[[nodiscard]] std::string_view SkipComments(std::string_view sql);

// Its first word in upper case; empty when it begins with something else.
[[nodiscard]] std::string FirstWord(std::string_view sql);

// Something follows a semicolon.
[[nodiscard]] bool HasSeveralStatements(std::string_view sql);

}  // namespace jammi::postgres
