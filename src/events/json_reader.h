// Strict JSON (RFC 8259, UTF-8) in one pass: a value is read as text, or written again in the written form of
// JsonData.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jammi::events {

// Not thread-safe. After a fault every call returns false; fault() says what it was.
class JsonReader {
 public:
  // `text` must live as long as this; it may be nested `max_nesting` deep.
  JsonReader(std::string_view text, int max_nesting) : text_(text), levels_left_(max_nesting) {}

  // The first character of the next value ('"', '{', '[', 't', 'f', 'n', '-' or a digit), or of what stands
  // there instead; '\0': nothing does.
  [[nodiscard]] char Peek();

  // The members of one object: EnterObject(), then NextMember() and a value until it is false, which is the
  // end of the object unless there is a fault.
  [[nodiscard]] bool EnterObject();
  [[nodiscard]] bool NextMember(std::string& name);

  // The next value, a string, as its text: replaces `text`.
  [[nodiscard]] bool ReadString(std::string& text);
  // Appends the next value in the written form. Of members with one name the last one is written;
  // repeated() tells.
  [[nodiscard]] bool Rewrite(std::string& out);
  // The next value as it stands in the text.
  [[nodiscard]] bool ReadRaw(std::string_view& raw);
  // Whether nothing but white space is left; it is a fault if there is.
  [[nodiscard]] bool AtEnd();

  // What is wrong with the text, and at which byte; nullopt: nothing so far.
  [[nodiscard]] const std::optional<std::string>& fault() const { return fault_; }
  // Names that Rewrite() has met twice in one object, as in the written form; the first few.
  [[nodiscard]] const std::vector<std::string>& repeated() const { return repeated_; }

 private:
  // A member that Rewrite() has written: `"name":value`.
  struct Member {
    size_t begin = 0;
    size_t name_end = 0;  // of the closing quote
    size_t end = 0;
  };

  void SkipSpace();
  bool Take(char expected);
  bool Fail(std::string_view what);
  bool Enter();
  bool CopyString(std::string& out, bool written);
  bool CopyEscape(std::string& out, bool written);
  bool ReadHex(char32_t& unit);
  bool RewriteWord(std::string_view word, std::string& out);
  bool RewriteNumber(std::string& out);
  bool RewriteArray(std::string& out);
  bool RewriteObject(std::string& out);
  bool RewriteMember(std::string& out);
  static std::string_view NameOf(std::string_view out, const Member& member);
  void SortMembers(std::string& out, size_t first);

  std::string_view text_;
  size_t at_ = 0;
  int levels_left_;
  bool first_member_ = false;  // of the object of EnterObject()
  std::vector<Member> members_;
  std::vector<std::string> repeated_;
  std::optional<std::string> fault_;
};

}  // namespace jammi::events
