#include "torture/company.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace jammi::test {
namespace {

using Kind = Record::Kind;

constexpr uint64_t kNearTheEnd = 2000;  // events; where most new cursors begin

}  // namespace

Company::Company(std::string program, std::vector<Part> parts, PlaceOf place, uint64_t seed)
    : program_(std::move(program)), place_(std::move(place)), random_(seed) {
  for (Part& part : parts) {
    auto member = std::make_unique<Member>();
    member->part = std::move(part);
    for (int i = 0; i < member->part.cursors; ++i) member->cursors.push_back(NewCursor(member->part.name));
    members_.push_back(std::move(member));
  }
}

Company::~Company() {
  for (size_t part = 0; part < size(); ++part) Kill(part);
}

CursorOrder Company::NewCursor(const std::string& part) {
  const PlannedTopic& topic = kTopics.at(random_.Below(kTopics.size()));
  const auto members = MembersOf(topic.owner);
  CursorOrder order{.cursor = fmt::format("{}-cursor{}", part, ++cursors_),
                    .topic = std::string(topic.name),
                    .who = members[random_.Below(members.size())],
                    .predicate = random_.Percent(50) ? 0 : random_.Below(kPredicates.size())};
  const uint64_t start = random_.Below(10);
  if (start == 0) order.start = CursorOrder::Start::kNewest;
  if (start == 1) order.start = CursorOrder::Start::kRecent;
  if (start >= 4) {
    const std::lock_guard lock(mutex_);
    const auto head = history_.acknowledged().find(order.topic);
    const uint64_t end = head == history_.acknowledged().end() ? 0 : head->second;
    order.offset = end - random_.Below(std::min(end, kNearTheEnd) + 1);
  }
  return order;
}

CursorOrder Company::GoOn(CursorOrder order) const {
  const std::lock_guard lock(mutex_);
  if (const Attachment* last = history_.Newest(order.cursor)) {
    order.start = CursorOrder::Start::kOffset;
    order.offset = last->Resume();
  }
  return order;
}

void Company::Start(size_t part) {
  Member& member = *members_[part];
  if (member.child != nullptr) return;
  const std::string name = fmt::format("{}-{}", member.part.name, ++starts_);
  for (CursorOrder& order : member.cursors) {
    order = random_.Percent(20) ? NewCursor(member.part.name) : GoOn(order);
  }
  {
    const std::lock_guard lock(mutex_);
    member.ready = member.silent = false;
    member.paused.reset();
  }
  member.suspended = false;
  member.child =
      std::make_unique<ChildProcess>(Command("play", name, member.part, place_(part), member.cursors));
  member.listener = std::thread([this, &member, child = member.child.get()] { Listen(member, *child); });
}

std::vector<std::string> Company::Command(const std::string& role, const std::string& name, const Part& part,
                                          const Place& place, const std::vector<CursorOrder>& cursors) {
  const std::string broker = place.broker.empty() ? "-" : place.broker;
  std::vector<std::string> command{program_, role, name, std::to_string(random_.Next())};
  command.insert(command.end(),
                 {std::to_string(part.publishers), std::to_string(part.consumers), place.catalog, broker});
  for (const CursorOrder& order : cursors) command.push_back(ToText(order));
  if (part.publishers == 0) return command;
  // Whoever began them, and whether or not he still tries.
  command.emplace_back("--");
  const std::lock_guard lock(mutex_);
  for (const Attempt* attempt : history_.Unfinished()) {
    command.push_back(
        ToText(PublishOrder{.topic = attempt->topic, .who = attempt->who, .keys = attempt->keys}));
  }
  return command;
}

void Company::Listen(Member& member, ChildProcess& child) {
  while (const auto line = child.ReadLine()) Hear(member, *line);
  const std::lock_guard lock(mutex_);
  member.silent = true;
  changed_.notify_all();
}

void Company::Hear(Member& member, const std::string& line) {
  const auto record = RecordOf(line);
  const std::lock_guard lock(mutex_);
  if (!record) {
    history_.broken.push_back("a process says: " + line);
    return;
  }
  history_.Add(*record);
  if (record->kind == Kind::kReady) member.ready = true;
  if (record->kind == Kind::kPaused) member.paused = record->offset;
  changed_.notify_all();
}

// What it wrote before its end is heard to the last line.
int Company::Bury(Member& member) {
  member.listener.join();
  const int status = member.child->Wait();
  member.child.reset();
  const std::lock_guard lock(mutex_);
  member.ready = false;
  return status;
}

void Company::Kill(size_t part) {
  Member& member = *members_[part];
  if (member.child == nullptr) return;
  member.child->Kill();
  Bury(member);
}

void Company::Dismiss(size_t part, std::chrono::seconds patience) {
  Member& member = *members_[part];
  if (member.child == nullptr) return;
  Resume(part);
  member.child->Signal(SIGTERM);
  bool gone = false;
  {
    std::unique_lock lock(mutex_);
    gone = changed_.wait_for(lock, patience, [&] { return member.silent; });
    if (!gone) history_.broken.push_back(fmt::format("{} does not end when it is told to", member.part.name));
  }
  if (!gone) member.child->Kill();
  const int status = Bury(member);
  if (status == 0 || !gone) return;
  const std::lock_guard lock(mutex_);
  history_.broken.push_back(fmt::format("{} ended with {}", member.part.name, status));
}

void Company::Suspend(size_t part) {
  Member& member = *members_[part];
  if (member.child == nullptr || std::exchange(member.suspended, true)) return;
  member.child->Signal(SIGSTOP);
}

void Company::Resume(size_t part) {
  Member& member = *members_[part];
  if (member.child == nullptr || !std::exchange(member.suspended, false)) return;
  member.child->Signal(SIGCONT);
}

bool Company::ready(size_t part) const {
  const std::lock_guard lock(mutex_);
  return members_[part]->ready;
}

bool Company::broken() const {
  const std::lock_guard lock(mutex_);
  return !history_.broken.empty();
}

void Company::LookAfter() {
  for (size_t part = 0; part < size(); ++part) {
    Member& member = *members_[part];
    {
      const std::lock_guard lock(mutex_);
      if (member.child == nullptr || !member.silent) continue;
    }
    const int status = Bury(member);
    {
      const std::lock_guard lock(mutex_);
      history_.broken.push_back(fmt::format("{} ended by itself with {}", member.part.name, status));
    }
    Start(part);
  }
}

void Company::RunAside(const std::string& role, const std::vector<CursorOrder>& cursors, const Place& place,
                       History* history) {
  const std::string name = fmt::format("{}-{}", role, ++starts_);
  ChildProcess child(Command(role, name, {}, place, cursors));
  while (const auto line = child.ReadLine()) {
    const auto record = RecordOf(*line);
    const std::lock_guard lock(mutex_);
    History& into = history != nullptr ? *history : history_;
    if (record) {
      into.Add(*record);
    } else {
      into.broken.push_back("a process says: " + *line);
    }
  }
  const int status = child.Wait();
  const std::lock_guard lock(mutex_);
  if (status != 0) history_.broken.push_back(fmt::format("{} ended with {}", name, status));
}

std::vector<std::string> Company::Missing(uint64_t round) const {
  std::vector<std::string> missing;
  std::vector<std::string> cursors;
  const bool consuming =
      std::ranges::any_of(members_, [](const auto& each) { return each->part.consumers > 0; });
  for (const PlannedConsumer& consumer : kConsumers) {
    if (consuming) cursors.emplace_back(consumer.name);
  }
  for (const auto& member : members_) {
    for (const CursorOrder& order : member->cursors) cursors.push_back(order.cursor);
    if (!member->ready) {
      missing.push_back(fmt::format("{} does not come up", member->part.name));
    } else if (member->part.publishers > 0 && member->paused != round) {
      missing.push_back(fmt::format("a publish of {} does not return", member->part.name));
    }
  }
  std::ranges::move(Lagging(history_, cursors), std::back_inserter(missing));
  return missing;
}

std::vector<std::string> Company::AwaitCalm(uint64_t round, std::chrono::seconds patience) {
  const auto give_up = std::chrono::steady_clock::now() + patience;
  for (;;) {
    LookAfter();
    std::unique_lock lock(mutex_);
    auto missing = Missing(round);
    if (missing.empty() || std::chrono::steady_clock::now() > give_up) return missing;
    lock.unlock();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace jammi::test
