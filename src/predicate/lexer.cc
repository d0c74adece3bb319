#include "predicate/lexer.h"

#include <fmt/format.h>

#include <array>

#include "predicate/syntax.h"

namespace jammi::predicate {
namespace {

// The locale's idea of a letter must not change what a predicate means.
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool IsNamePart(char c) { return IsNameStart(c) || IsDigit(c) || c == '$'; }
bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }

int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Longest first. Symbols that no rule of the grammar takes are here too, so that they are named whole.
constexpr std::array<std::string_view, 41> kSymbols = {
    "!~~*", "!~*", "!~~", "~~*", "->>", "<=>", "@>", "<@", "^@", "->", "=>", "::", ":=", "==",
    "!=",   "<>",  "<=",  ">=",  "<<",  ">>",  "||", "**", "~~", "~*", "!~", "//", "=",  "<",
    ">",    "+",   "-",   "*",   "/",   "%",   "&",  "|",  "^",  "~",  "(",  ")",  ","};
constexpr std::string_view kSingles = ".;:[]{}#@!";

}  // namespace

Result<void> Lexer::SkipBlanks() {
  for (;;) {
    if (IsBlank(Peek()) && at_ < text_.size()) {
      ++at_;
    } else if (Peek() == '-' && Peek(1) == '-') {
      while (at_ < text_.size() && Peek() != '\n') ++at_;
    } else if (Peek() == '/' && Peek(1) == '*') {
      const size_t close = text_.find("*/", at_ + 2);
      if (close == std::string_view::npos) return ParseError("the comment has no end", position());
      at_ = close + 2;
    } else {
      return {};
    }
  }
}

// A quote inside is written twice.
Result<std::string> Lexer::Quoted(char quote, std::string_view what) {
  const int64_t start = position();
  ++at_;
  std::string out;
  for (; at_ < text_.size(); ++at_) {
    if (Peek() == quote) {
      ++at_;
      if (Peek() != quote) return out;
    }
    out += Peek();
  }
  return ParseError(fmt::format("the {} has no end", what), start);
}

Result<Token> Lexer::Number() {
  Token token{.kind = Token::Kind::kInteger, .position = position()};
  const auto digits = [&] {
    const size_t from = at_;
    while (IsDigit(Peek())) ++at_;
    return at_ > from;
  };
  digits();
  if (Peek() == '.') {
    token.kind = Token::Kind::kFraction;
    ++at_;
    digits();
  }
  if (Peek() == 'e' || Peek() == 'E') {
    token.kind = Token::Kind::kFraction;
    ++at_;
    if (Peek() == '+' || Peek() == '-') ++at_;
    if (!digits()) return ParseError("the exponent of the number has no digits", token.position);
  }
  if (IsNamePart(Peek()) || Peek() == '.')
    return ParseError("a number ends in a letter or a point", token.position);
  token.text = Since(token);
  return token;
}

Result<Token> Lexer::Bytes() {
  Token token{.kind = Token::Kind::kBytes, .position = position()};
  ++at_;
  JAMMI_ASSIGN(const std::string digits, Quoted('\'', "string"));
  if (digits.size() % 2 != 0)
    return ParseError("a byte string needs two digits for each byte", token.position);
  for (size_t i = 0; i < digits.size(); i += 2) {
    const int high = HexDigit(digits[i]);
    const int low = HexDigit(digits[i + 1]);
    if (high < 0 || low < 0) return ParseError("a byte string holds hexadecimal digits only", token.position);
    token.text += static_cast<char>(high * 16 + low);
  }
  return token;
}

Token Lexer::Word() {
  Token token{.kind = Token::Kind::kWord, .position = position()};
  while (IsNamePart(Peek())) ++at_;
  token.text = Since(token);
  for (const char c : token.text) token.upper += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return token;
}

Result<Token> Lexer::Symbol() {
  Token token{.kind = Token::Kind::kSymbol, .position = position()};
  for (const std::string_view symbol : kSymbols) {
    if (text_.substr(at_).starts_with(symbol)) {
      token.text = symbol;
      at_ += symbol.size();
      return token;
    }
  }
  if (!kSingles.contains(Peek())) return ParseError("an unexpected character", position());
  token.text = std::string(1, Peek());
  ++at_;
  return token;
}

Result<Token> Lexer::Next() {
  JAMMI_TRY(SkipBlanks());
  Token token{.position = position()};
  if (at_ == text_.size()) return token;
  const char c = Peek();
  if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) return Number();
  if ((c == 'x' || c == 'X') && Peek(1) == '\'') return Bytes();
  if (IsNameStart(c)) return Word();
  if (c == '\'') {
    token.kind = Token::Kind::kText;
    JAMMI_ASSIGN(token.text, Quoted(c, "string"));
    return token;
  }
  if (c == '"') {
    token.kind = Token::Kind::kQuotedName;
    JAMMI_ASSIGN(token.text, Quoted(c, "quoted name"));
    if (token.text.empty()) return ParseError("a quoted name is empty", token.position);
    return token;
  }
  if (c == '$' || c == '?') {
    token.kind = Token::Kind::kPlaceholder;
    ++at_;
    while (IsNamePart(Peek())) ++at_;
    token.text = Since(token);
    return token;
  }
  return Symbol();
}

}  // namespace jammi::predicate
