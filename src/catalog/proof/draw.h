// The arguments of a random call, drawn from a few names and ids that all scopes share, so that calls meet
// each other's things all the time. Equal seeds give equal arguments, in whatever world they are used.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catalog/repo_fixture.h"
#include "support/random.h"

namespace jammi::proof {

class Draw {
 public:
  explicit Draw(uint64_t seed) : random_(seed) {}

  uint64_t Below(uint64_t bound) { return random_.Below(bound); }
  bool Percent(uint64_t percent) { return random_.Percent(percent); }
  template <class T>
  T One(std::initializer_list<T> of) {
    return *std::next(of.begin(), static_cast<std::ptrdiff_t>(Below(of.size())));
  }
  template <class T>
  std::optional<T> Maybe(std::initializer_list<T> of, uint64_t percent = 50) {
    if (!Percent(percent)) return std::nullopt;
    return One(of);
  }

  // What things are called. One looks like the key of tenant A's model (WK-08), one like SQL.
  std::string GoodName() {
    return One<std::string>({"x", "x", "y", "aaaaaaaa-0000-4000-8000-000000000001::x", "o'%_\\\""});
  }
  std::string Name() { return Percent(1) ? Bad(std::string()) : GoodName(); }
  int PageSize() {
    if (Percent(2)) return Bad(One({0, 1001}));
    return One({1, 2, 3, 1000});
  }
  // Whose thing is asked for by its id; his own as often as not.
  Scope Owner(const Scope& caller) {
    return Percent(70) ? caller : One({test::kGlobal, test::kA, test::kB, test::kOutsider});
  }

  // Marks the call as one that must be refused with kInvalidArgument.
  template <class T>
  T Bad(T value) {
    bad_ = true;
    return value;
  }
  [[nodiscard]] bool bad() const { return bad_; }

  // Another scope's page token was given: what comes back is not to be compared between worlds.
  void SetForeignToken() { foreign_token_ = true; }
  [[nodiscard]] bool foreign_token() const { return foreign_token_; }

  // An id that the database has made, and what it is called in answers.
  void Mask(std::string id, std::string alias) { masks_.emplace_back(std::move(id), std::move(alias)); }
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& masks() const { return masks_; }

 private:
  test::Random random_;
  bool bad_ = false;
  bool foreign_token_ = false;
  std::vector<std::pair<std::string, std::string>> masks_;
};

}  // namespace jammi::proof
