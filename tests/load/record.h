// What the processes of the load test write down, outside of the server: the files that it is judged by.
#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace jammi::test {

// Two tenants; each has two topics of its own, of the same names as the other's, and a part in a topic of
// all. A view is what one tenant sees of one topic.
constexpr uint32_t kTopicsOfATenant = 3;
constexpr uint32_t kViews = 2 * kTopicsOfATenant;
constexpr uint32_t kSharedTopic = 2;
constexpr const char* kTopicNames[kTopicsOfATenant] = {"load.orders", "load.clicks", "load.shared"};
constexpr const char* kTenants[2] = {"018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e9a",
                                     "018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e9b"};
constexpr uint32_t TenantOf(uint32_t view) { return view / kTopicsOfATenant; }
constexpr uint32_t TopicOf(uint32_t view) { return view % kTopicsOfATenant; }

// Which event it is: of which publisher, in which of the lives of its process, and its number there.
struct EventId {
  uint32_t view = 0;
  uint32_t publisher = 0;
  uint32_t life = 0;
  uint32_t number = 0;

  auto operator<=>(const EventId&) const = default;
};
// The publisher of a view's last event.
constexpr uint32_t kLastPublisher = UINT32_MAX;

std::string ToText(const EventId& event);
// The id whose ToText() stands somewhere in `bytes`: an event is found in a message without decoding it.
// Ends the program if there is none.
EventId FindEvent(std::string_view bytes);

struct Record {
  enum class Kind : uint32_t {
    kAsk,          // before an event is published
    kAcknowledge,  // after
    kAttach,       // a subscription; offset: where it begins, or kLive
    kDelivery,
  };
  static constexpr uint64_t kLive = UINT64_MAX;

  Kind kind = Kind::kAsk;
  uint32_t stream = 0;  // which subscription; kAsk, kAcknowledge: which publisher
  uint64_t offset = 0;
  EventId event;

  bool operator==(const Record&) const = default;
};

// Each record is one write: what a process wrote before it was killed is there. Threads may share it.
class RecordFile {
 public:
  explicit RecordFile(const std::filesystem::path& path);  // ends the program if it cannot
  ~RecordFile();
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;

  void Add(const Record& record);

 private:
  int file_ = -1;
};

// Nothing if there is no such file.
std::vector<Record> ReadRecords(const std::filesystem::path& path);

// Of the `child`-th process of a kind, in the `life`-th of its lives.
std::filesystem::path RecordPath(const std::filesystem::path& folder, std::string_view kind, uint32_t child,
                                 uint32_t life);

}  // namespace jammi::test
