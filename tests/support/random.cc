#include "support/random.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace jammi::test {

uint64_t Random::Next() {
  state_ += 0x9e3779b97f4a7c15;
  uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  if (text == nullptr) return otherwise;
  uint64_t number = 0;
  const char* end = text + std::strlen(text);
  if (const auto [stop, error] = std::from_chars(text, end, number); error != std::errc{} || stop != end) {
    fmt::print(stderr, "{}={}: not a number\n", name, text);
    std::exit(2);
  }
  return number;
}

std::string Replay(const char* name, uint64_t seed) { return fmt::format("again with {}={}", name, seed); }

}  // namespace jammi::test
