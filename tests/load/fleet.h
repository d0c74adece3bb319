// The clients of the load test: processes that are killed and started again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "load/checker.h"
#include "support/child_process.h"

namespace jammi::test {

struct FleetOptions {
  std::string target;
  std::filesystem::path folder;
  std::string kind;  // "publish", "subscribe"
  uint32_t children = 0;
  uint32_t of_each = 0;  // publishers or streams of one child
  uint32_t pause_milliseconds = 0;
};

class Fleet {
 public:
  explicit Fleet(FleetOptions options);  // starts them all

  // Each is at work. What one of them says went wrong goes to problems().
  void AwaitReady();
  // At any moment of its life. Its next life begins at once.
  void KillOne(uint32_t child);
  void Stop();  // SIGTERM to all
  void AwaitDone();

  [[nodiscard]] uint32_t size() const { return options_.children; }
  [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }
  // What all lives of a child wrote down.
  [[nodiscard]] std::vector<SubscriberLife> Lives(uint32_t child) const;

 private:
  struct Child {
    std::unique_ptr<ChildProcess> process;
    uint32_t life = 0;
    bool ready = false;
  };

  void Start(uint32_t child);
  void Await(Child& child, const std::string& word);

  const FleetOptions options_;
  std::vector<Child> children_;
  std::vector<std::string> problems_;
};

}  // namespace jammi::test
