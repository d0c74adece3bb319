#include "trigger/named_consumers.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "catalog/lease.h"

namespace jammi {
namespace {

// Nobody else has it: not another attachment of this process either.
std::string OwnHolder() {
  std::array<char, 65> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  return fmt::format("{}:{}:{}", host.data(), getpid(), Uuid::RandomV4().ToHex().substr(0, 12));
}

}  // namespace

NamedConsumers::NamedConsumers(Catalog& catalog, const Uuid& incarnation, std::shared_ptr<Feeds> feeds,
                               AttachmentOptions options)
    : backend_(std::shared_ptr<void>(), &catalog.backend()),
      incarnation_(incarnation),
      feeds_(feeds),
      attachments_(std::make_shared<Attachments>(
          catalog.backend(), std::move(options),
          [feeds = std::move(feeds)](int64_t topic_no) { return feeds->CheckDropped(topic_no); })) {}

Result<Consumer> NamedConsumers::ToConsumer(StoredConsumer stored) const {
  const auto incarnation = Uuid::Parse(stored.incarnation);
  if (!incarnation) {
    return Error(ErrorCode::kDataLoss, fmt::format("consumer {}: its incarnation is no UUID", stored.name));
  }
  return Consumer{.topic = stored.topic,
                  .name = std::move(stored.name),
                  .owner = stored.owner,
                  .predicate = std::move(stored.predicate),
                  .start = stored.start,
                  .position = {*incarnation, stored.topic, stored.position},
                  .needs_reset = stored.needs_reset,
                  .head = stored.head,
                  .low_water = stored.low_water,
                  .lease = std::move(stored.lease),
                  .created_at = stored.created_at};
}

Result<Consumer> NamedConsumers::Create(const Scope& scope, const TopicEntry& topic, std::string_view name,
                                        const CreateConsumerOptions& options) {
  JAMMI_ASSIGN(const auto predicate, Predicate::Compile(options.predicate, topic.codec.schema()));
  JAMMI_ASSIGN(const auto start, feeds_->FindStart(topic, options.from));
  JAMMI_ASSIGN(auto stored, RepoOf(scope).Create({.topic_no = topic.topic_no,
                                                  .name = std::string(name),
                                                  .predicate = predicate.source_sql(),
                                                  .start = start.next}));
  return ToConsumer(std::move(stored));
}

Result<Consumer> NamedConsumers::Get(const Scope& scope, const TopicEntry& topic, std::string_view name) {
  JAMMI_ASSIGN(auto stored, RepoOf(scope).Get({topic.topic_no, name}));
  return ToConsumer(std::move(stored));
}

Result<Page<Consumer>> NamedConsumers::List(const Scope& scope, const TopicEntry& topic, int page_size,
                                            std::string_view page_token) {
  JAMMI_ASSIGN(auto stored, RepoOf(scope).List(topic.topic_no, page_size, page_token));
  Page<Consumer> page{.items = {}, .next_page_token = std::move(stored.next_page_token)};
  for (auto& each : stored.items) {
    JAMMI_ASSIGN(page.items.emplace_back(), ToConsumer(std::move(each)));
  }
  return page;
}

Result<void> NamedConsumers::CreateIfAbsent(const Scope& scope, const TopicEntry& topic,
                                            std::string_view name, const CreateConsumerOptions& options) {
  auto found = Get(scope, topic, name);
  if (!found && found.error().code() == ErrorCode::kNotFound) {
    found = Create(scope, topic, name, options);
    const bool raced = !found && found.error().code() == ErrorCode::kAlreadyExists;
    if (!raced) return found ? Result<void>() : found.error();
    found = Get(scope, topic, name);
  }
  if (!found) return found.error();
  JAMMI_ASSIGN(const auto wanted, Predicate::Compile(options.predicate, topic.codec.schema()));
  if (wanted.source_sql() == found->predicate) return {};
  return Error(ErrorCode::kAlreadyExists,
               fmt::format("consumer {} is there with the predicate '{}', not '{}'", name, found->predicate,
                           wanted.source_sql()));
}

Result<std::unique_ptr<ConsumerSubscription>> NamedConsumers::Attach(const Scope& scope,
                                                                     const TopicEntry& topic,
                                                                     std::string_view name,
                                                                     const AttachOptions& options) {
  if (options.create_if_absent) JAMMI_TRY(CreateIfAbsent(scope, topic, name, *options.create_if_absent));
  const AttachmentKey key{topic.topic_no, scope, std::string(name)};
  const Attached before = attachments_->Of(key);
  const std::string holder = options.holder.empty() ? OwnHolder() : options.holder;
  const auto granted_at = attachments_->Now();
  auto repo = RepoOf(scope);
  JAMMI_ASSIGN(const auto stored,
               repo.Attach({topic.topic_no, name}, holder, options.lease, options.on_leased));
  if (!stored.lease) return Error(ErrorCode::kInternal, "a consumer was attached to, and has no lease");
  End(before, key, stored.lease->token.epoch);
  auto cursor =
      feeds_->MakeCursor(topic, scope, From::Offset(stored.position),
                         {.predicate = stored.predicate, .follow = options.follow, .decode = options.decode});
  if (!cursor) {
    IgnoreError(repo.Detach({topic.topic_no, name}, stored.lease->token), "the lease expires by itself");
    return std::move(cursor).error();
  }
  return attachments_->Add(stored, *std::move(cursor), granted_at, options);
}

Result<Consumer> NamedConsumers::Reset(const Scope& scope, const TopicEntry& topic, std::string_view name,
                                       const From& to, OnLeased on_leased) {
  JAMMI_ASSIGN(const auto start, feeds_->FindStart(topic, to));
  const AttachmentKey key{topic.topic_no, scope, std::string(name)};
  const Attached before = attachments_->Of(key);
  JAMMI_ASSIGN(auto stored, RepoOf(scope).Reset({topic.topic_no, name}, start.next, on_leased));
  End(before, key, std::nullopt);
  return ToConsumer(std::move(stored));
}

Result<void> NamedConsumers::Delete(const Scope& scope, const TopicEntry& topic, std::string_view name,
                                    OnLeased on_leased) {
  const AttachmentKey key{topic.topic_no, scope, std::string(name)};
  const Attached before = attachments_->Of(key);
  JAMMI_TRY(RepoOf(scope).Delete({topic.topic_no, name}, on_leased));
  End(before, key, 0);
  return {};
}

void NamedConsumers::End(const Attached& before, const AttachmentKey& key,
                         std::optional<int64_t> current_epoch) {
  for (const auto& attachment : before) {
    const LeaseToken& token = attachment->token();
    attachment->Lose(LeaseLost("consumer", key.name, token, current_epoch.value_or(token.epoch)));
  }
}

}  // namespace jammi
