#include "load/fleet.h"

#include <signal.h>

#include <utility>

namespace jammi::test {

Fleet::Fleet(FleetOptions options) : options_(std::move(options)), children_(options_.children) {
  for (uint32_t child = 0; child < size(); ++child) Start(child);
}

void Fleet::Start(uint32_t child) {
  children_[child].ready = false;
  children_[child].process = std::make_unique<ChildProcess>(std::vector<std::string>{
      JAMMI_LOAD_CHILD, options_.kind, options_.target, options_.folder.string(), std::to_string(child),
      std::to_string(children_[child].life), std::to_string(child * options_.of_each),
      std::to_string(options_.of_each), std::to_string(options_.pause_milliseconds)});
}

void Fleet::Await(Child& child, const std::string& word) {
  while (const auto line = child.process->ReadLine()) {
    if (*line == word) return;
    if (line->starts_with("error")) problems_.push_back(options_.kind + ": " + *line);
  }
  problems_.push_back("a child has ended without '" + word + "'");
}

void Fleet::AwaitReady() {
  for (Child& child : children_) {
    if (!std::exchange(child.ready, true)) Await(child, "ready");
  }
}

void Fleet::KillOne(uint32_t child) {
  Child& killed = children_[child];
  killed.process->Kill();
  killed.process->Wait();
  while (const auto line = killed.process->ReadLine())
    if (line->starts_with("error")) problems_.push_back(options_.kind + ": " + *line);
  ++killed.life;
  Start(child);
}

void Fleet::Stop() {
  for (Child& child : children_) child.process->Signal(SIGTERM);
}

void Fleet::AwaitDone() {
  for (Child& child : children_) {
    Await(child, "done");
    if (const int code = child.process->Wait(); code != 0)
      problems_.push_back("a child has ended with " + std::to_string(code));
  }
}

std::vector<SubscriberLife> Fleet::Lives(uint32_t child) const {
  std::vector<SubscriberLife> lives;
  for (uint32_t life = 0; life <= children_[child].life; ++life) {
    lives.push_back({.records = ReadRecords(RecordPath(options_.folder, options_.kind, child, life)),
                     .killed = life < children_[child].life});
  }
  return lives;
}

}  // namespace jammi::test
