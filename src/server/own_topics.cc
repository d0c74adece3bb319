#include "server/own_topics.h"

namespace jammi {
namespace {

// Beyond it one goes for each that comes; it costs a look-up then, no more.
constexpr size_t kMaxKnown = 16'384;

// The key of a scope is empty or a UUID.
std::string KeyOf(const Scope& scope, std::string_view name) {
  std::string key = scope.Key();
  key += '/';
  key += name;
  return key;
}

}  // namespace

std::optional<OwnTopics::Known> OwnTopics::Find(const Scope& scope, std::string_view name) const {
  const std::string key = KeyOf(scope, name);
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(key);
  if (found == known_.end()) return std::nullopt;
  return found->second;
}

void OwnTopics::Remember(const Scope& scope, const Topic& topic) {
  if (topic.owner != scope) return;
  const std::string key = KeyOf(scope, topic.name);
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMaxKnown) known_.erase(known_.begin());
  known_.insert_or_assign(key, Known{topic.id, topic.schema});
}

void OwnTopics::Forget(const Scope& scope, std::string_view name, const TopicId& id) {
  const std::string key = KeyOf(scope, name);
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(key);
  if (found != known_.end() && found->second.id == id) known_.erase(found);
}

}  // namespace jammi
