#include "torture/stage.h"

#include <fmt/format.h>
#include <signal.h>

#include <ctime>
#include <utility>

#include "torture/batches.h"

namespace jammi::test {
namespace {

using Kind = Record::Kind;
using std::chrono::milliseconds;

constexpr milliseconds kRetryPause{20};

// The environment's fault.
bool IsExplained(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kResourceExhausted ||
         code == ErrorCode::kDeadlineExceeded || code == ErrorCode::kAborted ||
         code == ErrorCode::kOutcomeUnknown;
}

}  // namespace

Session SessionOf(const Engine& engine, Who who) {
  if (who == 0) return engine.Global();
  return engine.ForTenant(*TenantId::Parse(kTenants.at(static_cast<size_t>(who))));
}

bool Stage::Open() {
  while (!stopping_) {
    auto engine = Engine::Open(config_);
    if (engine) {
      engine_ = std::move(*engine);
      break;
    }
    // The file's lock goes a moment after the process before us.
    if (engine.error().As<CatalogLockedDetail>() != nullptr) {
      Count("open: locked");
    } else if (!Excuse("open", engine.error())) {
      return false;
    }
    Wait(kRetryPause);
  }
  for (const PlannedTopic& topic : kTopics) {
    if (!FindTopic(topic)) return false;
  }
  return !stopping_;
}

bool Stage::FindTopic(const PlannedTopic& topic) {
  while (!stopping_) {
    auto found = As(topic.owner).topics().Find(topic.name);
    if (!found && found.error().code() == ErrorCode::kNotFound) {
      TopicRetention retention;
      if (topic.keeps > 0) retention.max_events = static_cast<int64_t>(topic.keeps);
      found = As(topic.owner).topics().Register(topic.name, EventSchema(), {}, retention);
      if (!found && found.error().code() == ErrorCode::kAlreadyExists) continue;  // by another process
    }
    if (found) {
      topics_.emplace(topic.name, found->id);
      return true;
    }
    if (!Excuse("register", found.error())) return false;
    Wait(kRetryPause);
  }
  return false;
}

TopicId Stage::IdOf(std::string_view topic) const {
  if (IsLife(topic)) return *TopicId::Parse(topic.substr(topic.find('@') + 1));
  return topics_.find(topic)->second;
}

std::optional<std::string> Stage::LifeOf(const PlannedTopic& topic) const {
  auto topics = As(topic.owner).topics();
  auto found = topics.Find(topic.name);
  if (!found && found.error().code() == ErrorCode::kNotFound) {
    found = topics.Register(topic.name, EventSchema());
    if (!found && found.error().code() == ErrorCode::kAlreadyExists) return std::nullopt;  // by another
  }
  if (found) return NameOfLife(topic.name, found->id.ToString());
  Excuse("find", found.error());
  return std::nullopt;
}

void Stage::Wait(milliseconds time) {
  sigset_t terminate;
  sigemptyset(&terminate);
  sigaddset(&terminate, SIGTERM);
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(time);
  const timespec wait{whole.count(), std::chrono::nanoseconds(time - whole).count()};
  if (sigtimedwait(&terminate, nullptr, &wait) == SIGTERM) Stop();
}

int64_t Stage::Now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void Stage::Say(Record record) const {
  if (record.at == 0) record.at = Now();
  voice_(record);
}

void Stage::Break(const std::string& what) const {
  Say({.kind = Kind::kBroken, .text = fmt::format("{}: {}", name_, what)});
}

bool Stage::Excuse(std::string_view doing, const Error& error) const {
  if (IsExplained(error.code())) {
    Count(fmt::format("{}: {}", doing, ToString(error.code())));
    return true;
  }
  Break(fmt::format("{}: {}", doing, error.ToString()));
  return false;
}

bool Stage::ExcuseAbout(std::string_view topic, std::string_view doing, const Error& error) const {
  if (!PlanOf(topic).passes || error.As<TopicNotFoundDetail>() == nullptr) return Excuse(doing, error);
  Count(fmt::format("{}: topic dropped", doing));
  return true;
}

}  // namespace jammi::test
