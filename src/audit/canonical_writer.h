// Takes the events of a JSON parser and writes the value as CanonicalJson() has it.
#pragma once

#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "audit/json_text.h"

namespace jammi::audit {

// For nlohmann::json::sax_parse().
class CanonicalWriter : public nlohmann::json_sax<nlohmann::json> {
 public:
  static constexpr size_t kMaxDepth = 128;

  bool null() override { return Literal("null"); }
  bool boolean(bool value) override { return Literal(value ? "true" : "false"); }
  // The parser gives numbers without a sign to the other: a 0 that comes here was "-0", which is no integer.
  bool number_integer(int64_t value) override { return value == 0 ? Float(-0.0) : Integer(value); }
  bool number_unsigned(uint64_t value) override { return Integer(value); }
  bool number_float(double value, const std::string& /*token*/) override { return Float(value); }
  bool string(std::string& value) override;
  bool binary(nlohmann::json::binary_t& /*value*/) override { return false; }
  bool start_object(size_t /*members*/) override { return Open('{'); }
  bool key(std::string& name) override;
  bool end_object() override;
  bool start_array(size_t /*values*/) override { return Open('['); }
  bool end_array() override;
  bool parse_error(size_t position, const std::string& token,
                   const nlohmann::json::exception& error) override;

  // A value has begun and has not ended.
  [[nodiscard]] bool open() const { return !frames_.empty(); }
  [[nodiscard]] std::string Take() { return std::exchange(out_, {}); }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  struct Member {
    std::string key;
    size_t begin = 0;  // in out_, of its quoted key
    size_t end = 0;    // behind its value
  };
  struct Frame {
    size_t begin = 0;  // in out_, behind the bracket
    bool is_object = false;
    bool empty = true;
    std::vector<Member> members;
  };

  bool Open(char bracket);
  bool Literal(std::string_view text);
  bool Float(double value);
  template <class Int>
  bool Integer(Int value) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
    return Literal({digits, static_cast<size_t>(end - digits)});
  }
  // What stands in front of a value in an array.
  void Separate();
  static void Sort(std::vector<Member>& members);

  std::string out_;
  std::vector<Frame> frames_;
  std::string problem_;
};

}  // namespace jammi::audit
