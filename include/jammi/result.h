// Result<T>: a value or an Error. The class is [[nodiscard]], so a dropped Result is a warning, and in
// our builds an error (tests/must_not_compile); g++ 12 drops a bare std::expected silently.
#pragma once

#include <expected>
#include <utility>

#include "jammi/error.h"

namespace jammi {

template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using Base = std::expected<T, Error>;
  using Base::Base;
  Result(Error error) : Base(std::unexpected(std::move(error))) {}
};

template <>
class [[nodiscard]] Result<void> : public std::expected<void, Error> {
 public:
  using Base = std::expected<void, Error>;
  using Base::Base;
  Result(Error error) : Base(std::unexpected(std::move(error))) {}
};

// Ends the function with `expr`'s error, or goes on. For a Result<void>, or when the value is unused.
#define JAMMI_CONCAT_INNER(a, b) a##b
#define JAMMI_CONCAT(a, b) JAMMI_CONCAT_INNER(a, b)
#define JAMMI_TRY(expr)                                                           \
  do {                                                                            \
    if (auto jammi_try = (expr); !jammi_try) return std::move(jammi_try).error(); \
  } while (false)

// JAMMI_ASSIGN(auto row, table.Get(key)): binds the value, or ends the function with the error.
#define JAMMI_ASSIGN_INNER(temp, lhs, expr)  \
  auto temp = (expr);                        \
  if (!temp) return std::move(temp).error(); \
  lhs = std::move(*temp)
#define JAMMI_ASSIGN(lhs, expr) JAMMI_ASSIGN_INNER(JAMMI_CONCAT(jammi_result_, __LINE__), lhs, expr)

// A deliberate drop, with its reason.
template <class T>
void IgnoreError(const Result<T>& /*result*/, const char* /*why*/) {}

}  // namespace jammi
