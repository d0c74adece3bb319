#include "jammi/consumers.h"

#include <fmt/format.h>

#include "catalog/topic_repo.h"
#include "engine/engine_core.h"

namespace jammi {
namespace {

// The engine's own consumers are seen by the owner of their topic, who must not move them: what they forward
// would be lost.
Result<void> RefuseEnginesOwn(std::string_view name) {
  if (!IsEngineTopicName(name)) return {};
  return Error(ErrorCode::kPermissionDenied,
               fmt::format("consumer '{}': names that begin with 'jammi.' are the engine's own", name));
}

}  // namespace

Result<Consumer> Consumers::Create(const TopicRef& topic, std::string_view name,
                                   const CreateConsumerOptions& options) const {
  JAMMI_TRY(RefuseEnginesOwn(name));
  return core_->streams->OnConsumers(scope_, topic, [&](NamedConsumers& consumers, const TopicEntry& entry) {
    return consumers.Create(scope_, entry, name, options);
  });
}

Result<Consumer> Consumers::Get(const TopicRef& topic, std::string_view name) const {
  return core_->streams->OnConsumers(scope_, topic, [&](NamedConsumers& consumers, const TopicEntry& entry) {
    return consumers.Get(scope_, entry, name);
  });
}

Result<Page<Consumer>> Consumers::List(const TopicRef& topic, int page_size,
                                       std::string_view page_token) const {
  return core_->streams->OnConsumers(scope_, topic, [&](NamedConsumers& consumers, const TopicEntry& entry) {
    return consumers.List(scope_, entry, page_size, page_token);
  });
}

Result<std::unique_ptr<ConsumerSubscription>> Consumers::Attach(const TopicRef& topic, std::string_view name,
                                                                const AttachOptions& options) const {
  JAMMI_TRY(RefuseEnginesOwn(name));
  return core_->streams->OnConsumers(scope_, topic, [&](NamedConsumers& consumers, const TopicEntry& entry) {
    return consumers.Attach(scope_, entry, name, options);
  });
}

Result<Consumer> Consumers::Reset(const TopicRef& topic, std::string_view name, From to,
                                  OnLeased on_leased) const {
  JAMMI_TRY(RefuseEnginesOwn(name));
  return core_->streams->OnConsumers(scope_, topic, [&](NamedConsumers& consumers, const TopicEntry& entry) {
    return consumers.Reset(scope_, entry, name, to, on_leased);
  });
}

Result<void> Consumers::Delete(const TopicRef& topic, std::string_view name, OnLeased on_leased) const {
  JAMMI_TRY(RefuseEnginesOwn(name));
  return core_->streams->OnConsumers(scope_, topic, [&](NamedConsumers& consumers, const TopicEntry& entry) {
    return consumers.Delete(scope_, entry, name, on_leased);
  });
}

}  // namespace jammi
