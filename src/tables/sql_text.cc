#include "tables/sql_text.h"

#include <fmt/format.h>

#include <bit>

namespace jammi {
namespace {

std::string_view TextOf(SqlBytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Print {
  std::string& out;
  void operator()(std::monostate) const { out += "n"; }
  void operator()(int64_t value) const { out += fmt::format("i{} ", value); }
  void operator()(double value) const { out += fmt::format("r{} ", std::bit_cast<uint64_t>(value)); }
  void operator()(std::string_view value) const { out += fmt::format("t{}:{}", value.size(), value); }
  void operator()(SqlBytes value) const { out += fmt::format("b{}:{}", value.size(), TextOf(value)); }
};

}  // namespace

void SqlText::AddValue(const SqlValue& value) {
  if (const auto* text = std::get_if<std::string_view>(&value.get())) {
    params_.emplace_back(kept_.emplace_back(*text));
  } else if (const auto* bytes = std::get_if<SqlBytes>(&value.get())) {
    const std::string& kept = kept_.emplace_back(TextOf(*bytes));
    params_.emplace_back(SqlBytes(reinterpret_cast<const uint8_t*>(kept.data()), kept.size()));
  } else {
    params_.push_back(value);
  }
  text_ += fmt::format("${}", params_.size());
}

std::string SqlText::Fingerprint() const {
  std::string bytes = fmt::format("{}:{}", text_.size(), text_);
  for (const SqlValue& value : params_) std::visit(Print{bytes}, value.get());
  return bytes;
}

}  // namespace jammi
