// The engine under test, as the crash tests drive it: topics and models by name, events as bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/clock.h"
#include "jammi/result.h"

namespace jammi::test {

struct SystemOptions {
  std::filesystem::path path;  // of the database file
  std::string vfs;             // empty: the real file system
  bool durable = true;         // false: synchronous=NORMAL
};

// All that an engine holds, read through its public calls.
struct Contents {
  std::set<std::string> models;
  // By topic: the payloads at offsets 0, 1, 2, ... as the log delivers them.
  std::map<std::string, std::vector<std::string>> topics;
};

// Thread-safe.
class System {
 public:
  [[nodiscard]] static Result<std::unique_ptr<System>> Open(const SystemOptions& options);
  virtual ~System() = default;

  [[nodiscard]] virtual Result<void> RegisterTopic(const std::string& name) = 0;
  [[nodiscard]] virtual Result<void> RegisterModel(const std::string& name) = 0;
  // The offset of the event. REQUIRES: the topic was registered, now or before the system was opened.
  [[nodiscard]] virtual Result<uint64_t> Publish(const std::string& topic, std::string_view payload,
                                                 Deadline deadline) = 0;
  virtual void PublishAsync(const std::string& topic, std::string_view payload,
                            std::move_only_function<void(Result<uint64_t>)> done) = 0;
  // Publishes all of `payloads` or none, once under this key; the offset of the first.
  [[nodiscard]] virtual Result<uint64_t> PublishOnce(const std::string& topic,
                                                     const std::vector<std::string>& payloads,
                                                     const std::string& producer_key) = 0;
  // Errors: those of the engine; kDataLoss with the offset when the offsets of a topic are not 0, 1, 2, ...
  [[nodiscard]] virtual Result<Contents> ReadAll() = 0;
  virtual void Close() = 0;
};

}  // namespace jammi::test
