// What the torture test publishes: topics of several owners, and events whose every byte follows from their
// key, so that whoever knows the key can say what each subscriber must get of it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jammi::test {

// Who asks: 0 is the global scope, 1 to 3 are tenants.
using Who = int;
inline constexpr Who kScopes = 4;
inline constexpr std::array<std::string_view, kScopes> kTenants{"", "00000001-0000-4000-8000-00000000000a",
                                                                "00000002-0000-4000-8000-00000000000b",
                                                                "00000003-0000-4000-8000-00000000000c"};

struct PlannedTopic {
  std::string_view name;
  Who owner;
  uint64_t keeps = 0;   // so many of the newest events; 0: all
  bool grows = false;   // columns are appended to its schema
  bool passes = false;  // it is dropped, and registered again
};
inline constexpr std::array<PlannedTopic, 7> kTopics{{{"open", 0},
                                                      {"shared", 0},
                                                      {"first's", 1},
                                                      {"second's", 2},
                                                      {.name = "kept", .owner = 0, .keeps = 100},
                                                      {.name = "growing", .owner = 1, .grows = true},
                                                      {.name = "passing", .owner = 2, .passes = true}}};
// Of a topic that passes each life is called by its id too, "passing@<id>".
[[nodiscard]] const PlannedTopic& PlanOf(std::string_view topic);  // REQUIRES: planned, or a life of one
[[nodiscard]] std::string NameOfLife(std::string_view topic, std::string_view id);
[[nodiscard]] inline bool IsLife(std::string_view topic) { return topic.find('@') != topic.npos; }
// Those who may publish to a topic and read it.
[[nodiscard]] std::vector<Who> MembersOf(Who owner);
// A reader sees its own events and unscoped ones.
[[nodiscard]] inline bool Sees(Who reader, Who publisher) { return publisher == 0 || publisher == reader; }

// One row of an event beside its key.
struct Row {
  int32_t row = 0;
  int64_t n = 0;  // 0..999
  std::string bytes;
};
// "<name>/<rows>x<size>": rows of `size` bytes at most.
[[nodiscard]] std::string MakeEventKey(std::string_view name, size_t rows, size_t size);
// Of an event with values in so many appended columns: part of the name, "<name>~<columns>".
[[nodiscard]] std::string NameWithColumns(std::string_view name, size_t columns);
[[nodiscard]] size_t AppendedColumnsOf(std::string_view key);
[[nodiscard]] std::vector<Row> RowsOf(std::string_view key);

// SQL of what subscribers ask for; the first is everything, the last nothing.
inline constexpr std::array<std::string_view, 5> kPredicates{"", "n < 500", "n >= 900 OR row = 1",
                                                             "n % 10 IN (3, 7)", "n < 0"};
[[nodiscard]] bool Selects(size_t predicate, const Row& row);

// Of the key and of rows, in their order.
class Digest {
 public:
  explicit Digest(std::string_view key) { Mix(key); }
  void Add(int32_t row, int64_t n, std::string_view bytes);
  [[nodiscard]] uint64_t value() const { return value_; }

 private:
  void Mix(std::string_view bytes);
  uint64_t value_ = 14695981039346656037U;
};

// What a subscriber must get of the event; 0: nothing, no row is selected.
[[nodiscard]] uint64_t DigestOf(std::string_view key, size_t predicate);

}  // namespace jammi::test
