// The verbs of named consumers. What each means, and its errors: Consumers in jammi/consumers.h.
#pragma once

#include <memory>
#include <string_view>

#include "catalog/catalog.h"
#include "catalog/consumer_repo.h"
#include "jammi/consumers.h"
#include "trigger/attachments.h"
#include "trigger/feeds.h"
#include "trigger/topic_entry.h"

namespace jammi {

// Thread-safe. The topics are such as the scopes see.
class NamedConsumers {
 public:
  // The catalog must outlive Shutdown(), before which the feeds are shut down.
  NamedConsumers(Catalog& catalog, const Uuid& incarnation, std::shared_ptr<Feeds> feeds,
                 AttachmentOptions options);

  [[nodiscard]] Result<Consumer> Create(const Scope& scope, const TopicEntry& topic, std::string_view name,
                                        const CreateConsumerOptions& options);
  [[nodiscard]] Result<Consumer> Get(const Scope& scope, const TopicEntry& topic, std::string_view name);
  [[nodiscard]] Result<Page<Consumer>> List(const Scope& scope, const TopicEntry& topic, int page_size,
                                            std::string_view page_token);
  [[nodiscard]] Result<std::unique_ptr<ConsumerSubscription>> Attach(const Scope& scope,
                                                                     const TopicEntry& topic,
                                                                     std::string_view name,
                                                                     const AttachOptions& options);
  [[nodiscard]] Result<Consumer> Reset(const Scope& scope, const TopicEntry& topic, std::string_view name,
                                       const From& to, OnLeased on_leased);
  [[nodiscard]] Result<void> Delete(const Scope& scope, const TopicEntry& topic, std::string_view name,
                                    OnLeased on_leased);

  // What is acknowledged is written, and all leases are given back.
  void Shutdown() { attachments_->Shutdown(); }

  [[nodiscard]] Attachments& attachments() { return *attachments_; }

 private:
  using Attached = std::vector<std::shared_ptr<Attachment>>;

  [[nodiscard]] ConsumerRepo RepoOf(const Scope& scope) const { return ConsumerRepo({backend_, scope}); }
  [[nodiscard]] Result<Consumer> ToConsumer(StoredConsumer stored) const;
  [[nodiscard]] Result<void> CreateIfAbsent(const Scope& scope, const TopicEntry& topic,
                                            std::string_view name, const CreateConsumerOptions& options);
  // Those of this process that were attached before a call that has ended their leases.
  static void End(const Attached& before, const AttachmentKey& key, std::optional<int64_t> current_epoch);

  const std::shared_ptr<CatalogBackend> backend_;  // not ours
  const Uuid incarnation_;
  const std::shared_ptr<Feeds> feeds_;
  const std::shared_ptr<Attachments> attachments_;
};

}  // namespace jammi
