#include "load/record.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <type_traits>

namespace jammi::test {
namespace {

constexpr std::string_view kBegin = "event<";

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::abort();
}

}  // namespace

std::string ToText(const EventId& event) {
  return fmt::format("{}{},{},{},{}>", kBegin, event.view, event.publisher, event.life, event.number);
}

EventId FindEvent(std::string_view bytes) {
  const size_t at = bytes.find(kBegin);
  EventId event;
  if (at == std::string_view::npos ||
      std::sscanf(std::string(bytes.substr(at + kBegin.size(), 60)).c_str(), "%u,%u,%u,%u>", &event.view,
                  &event.publisher, &event.life, &event.number) != 4)
    Die("a message without an event");
  return event;
}

RecordFile::RecordFile(const std::filesystem::path& path)
    : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
  if (file_ < 0) Die("cannot open " + path.string());
}

RecordFile::~RecordFile() { ::close(file_); }

void RecordFile::Add(const Record& record) {
  static_assert(std::has_unique_object_representations_v<Record>);
  if (::write(file_, &record, sizeof record) != sizeof record) Die("cannot write a record");
}

std::vector<Record> ReadRecords(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  std::vector<Record> records(bytes.size() / sizeof(Record));
  std::copy_n(bytes.data(), records.size() * sizeof(Record), reinterpret_cast<char*>(records.data()));
  return records;
}

std::filesystem::path RecordPath(const std::filesystem::path& folder, std::string_view kind, uint32_t child,
                                 uint32_t life) {
  return folder / fmt::format("{}-{}-{}", kind, child, life);
}

}  // namespace jammi::test
