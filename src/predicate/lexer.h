// Cuts the text of a predicate into tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "jammi/result.h"

namespace jammi::predicate {

struct Token {
  enum class Kind : uint8_t {
    kEnd,
    kWord,         // an unquoted name or keyword; `upper` is it in capitals
    kQuotedName,   // "..."
    kText,         // '...'
    kBytes,        // X'...'
    kInteger,      //
    kFraction,     // a number with a point or an exponent
    kSymbol,       // an operator or a bracket
    kPlaceholder,  // $1, $name, ?
  };

  Kind kind = Kind::kEnd;
  int64_t position = 0;
  std::string text;   // without quotes
  std::string upper;  // of a word

  [[nodiscard]] bool IsWord(std::string_view word) const { return kind == Kind::kWord && upper == word; }
  [[nodiscard]] bool IsSymbol(std::string_view symbol) const {
    return kind == Kind::kSymbol && text == symbol;
  }
};

// Reads one token after the other. The text must outlive it.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  // Errors: kInvalidArgument with PredicateParseDetail. At the end: kEnd, again and again.
  [[nodiscard]] Result<Token> Next();

 private:
  [[nodiscard]] char Peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  [[nodiscard]] int64_t position() const { return static_cast<int64_t>(at_); }
  // What was read since `token` began.
  [[nodiscard]] std::string Since(const Token& token) const {
    const auto start = static_cast<size_t>(token.position);
    return std::string(text_.substr(start, at_ - start));
  }
  Result<void> SkipBlanks();
  Result<std::string> Quoted(char quote, std::string_view what);
  Result<Token> Number();
  Result<Token> Bytes();
  Token Word();
  Result<Token> Symbol();

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace jammi::predicate
