#include "forwarding/consumer_seats.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace jammi {

ConsumerSeats::ConsumerSeats(CatalogBackend& backend, std::string holder)
    : backend_(std::shared_ptr<void>(), &backend), holder_(std::move(holder)) {}

Result<StoredConsumer> ConsumerSeats::Take(const ForwardedFrom& topic, uint64_t low_water,
                                           std::chrono::milliseconds lease, OnLeased take) {
  auto repo = RepoOf(topic);
  const ConsumerKey key{topic.topic_no, kForwardingConsumer};
  auto taken = repo.Attach(key, holder_, lease, take);
  if (taken) return taken;
  if (taken.error().code() == ErrorCode::kNotFound) {
    const auto made = repo.Create({.topic_no = topic.topic_no,
                                   .name = std::string(kForwardingConsumer),
                                   .predicate = {},
                                   .start = low_water});
    if (!made && made.error().code() != ErrorCode::kAlreadyExists) return made;
    return repo.Attach(key, holder_, lease, take);
  }
  if (taken.error().As<PositionOutdatedDetail>() == nullptr) return taken;
  JAMMI_ASSIGN(const auto now, repo.Get(key));
  Log(LogLevel::kWarning,
      "events: the catalog has another history since topic '{}' was forwarded; it goes on at offset {}",
      topic.name, now.position);
  JAMMI_TRY(repo.Reset(key, std::min(now.position, now.head), take));
  return repo.Attach(key, holder_, lease, take);
}

Result<void> ConsumerSeats::Renew(const ForwardedFrom& topic, const LeaseToken& token,
                                  std::chrono::milliseconds lease) {
  const ConsumerKey key{topic.topic_no, kForwardingConsumer};
  JAMMI_TRY(RepoOf(topic).Renew(key, token, lease));
  return {};
}

}  // namespace jammi
