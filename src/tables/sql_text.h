// A statement that is put together, with the values of its parameters.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jammi/catalog_backend.h"

namespace jammi {

class SqlText {
 public:
  SqlText& operator+=(std::string_view text) {
    text_ += text;
    return *this;
  }
  // Adds "$n" for a value, which is copied.
  void AddValue(const SqlValue& value);
  // Takes the text away and leaves the values: for what is to be put together from parts, or to be said
  // twice.
  [[nodiscard]] std::string Take() { return std::exchange(text_, {}); }

  [[nodiscard]] const std::string& text() const { return text_; }
  // They live as long as this does and nothing is added.
  [[nodiscard]] std::vector<SqlValue> params() const { return params_; }
  // Text and values, as bytes: equal for equal statements, different for different ones.
  [[nodiscard]] std::string Fingerprint() const;

 private:
  std::string text_;
  std::vector<SqlValue> params_;
  std::deque<std::string> kept_;  // what params_ borrow
};

}  // namespace jammi
