// The door of this folder: topics, publishing and subscriptions over an open catalog.
#pragma once

#include <arrow/type_fwd.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "catalog/catalog.h"
#include "catalog/change_reader.h"
#include "catalog/topic_repo.h"
#include "jammi/topic_read.h"
#include "jammi/trigger.h"
#include "trigger/feeds.h"
#include "trigger/gate.h"
#include "trigger/named_consumers.h"
#include "trigger/outbox.h"
#include "trigger/publisher.h"
#include "trigger/quotas.h"
#include "trigger/topic_entry.h"
#include "trigger/trimmer.h"

namespace jammi {

struct StreamsOptions {
  int64_t ring_bytes = 8 << 20;        // newest events kept in memory, for each topic with a subscription
  PageLimit page;                      // of one read from the log
  int64_t page_cache_bytes = 8 << 20;  // pages that several who lag behind on a topic share
  int64_t max_batch_bytes = 16 << 20;  // of one event, encoded
  int page_loader_threads = 2;         // reads of the log that run at once
  int dispatch_threads = 2;            // for doorbells and OnReady callbacks
  AttachmentOptions attachments;       // to named consumers
  // Called by Shutdown() when the broker has had a moment to take what is left: ends what it still waits for.
  std::function<void()> end_broker = {};
  TrimmerOptions trimmer;
  QuotaOptions quotas;
  std::shared_ptr<const Clock> clock = Clock::System();  // of the quotas
};

// Thread-safe. What each call means, and its errors: Topics and Session in jammi/engine.h.
class Streams {
 public:
  // The catalog must outlive Shutdown(); this becomes its log's listener, so no event of a user has been
  // appended yet. What other processes on the catalog publish and drop reaches the subscriptions here.
  // Without a broker nothing is fanned out beyond this engine's own subscriptions.
  // Errors: kInvalidArgument naming an option that is out of range.
  [[nodiscard]] static Result<std::unique_ptr<Streams>> Open(Catalog& catalog, const StreamsOptions& options,
                                                             std::shared_ptr<TriggerBroker> broker);
  ~Streams() { Shutdown(); }
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  [[nodiscard]] Result<Topic> RegisterTopic(const Scope& scope, std::string_view name,
                                            const std::shared_ptr<arrow::Schema>& schema,
                                            const std::map<std::string, std::string>& broker_metadata = {},
                                            const TopicRetention& retention = {});
  // The scope's own topic of exactly this name and schema, registered if it is not there, also when several
  // replicas do so at once; another's or the global one never takes its place. For kUser the name is one that
  // RegisterTopic() takes, and the topic counts for the quota; for kEngine one that IsEngineTopicName(): such
  // a topic is free of the quota, is read like any other, and users can neither publish to it nor change or
  // drop it. Errors: as RegisterTopic(); kFailedPrecondition with SchemaConflictDetail: the scope has the
  // topic, with another schema.
  [[nodiscard]] Result<Topic> EnsureTopic(const Scope& scope, std::string_view name,
                                          const std::shared_ptr<arrow::Schema>& schema,
                                          TopicWriter writer = TopicWriter::kUser);
  [[nodiscard]] Result<Topic> FindTopic(const Scope& scope, std::string_view name);
  [[nodiscard]] Result<Topic> FindTopic(const Scope& scope, const TopicId& id);
  [[nodiscard]] Result<TopicPage> ListTopics(const Scope& scope, int page_size,
                                             std::string_view page_token = {});
  [[nodiscard]] Result<Topic> AppendColumns(const Scope& scope, const TopicId& id,
                                            const arrow::FieldVector& fields);
  [[nodiscard]] Result<Topic> SetRetention(const Scope& scope, const TopicId& id,
                                           const TopicRetention& retention);
  [[nodiscard]] Result<TopicStats> StatsOf(const Scope& scope, const TopicId& id);
  [[nodiscard]] Result<void> DropTopic(const Scope& scope, const TopicId& id);
  [[nodiscard]] Result<FanOutStatus> FanOut(const Scope& scope, const TopicId& id);

  [[nodiscard]] Result<Offset> Publish(const Scope& scope, const TopicId& topic,
                                       const std::shared_ptr<arrow::RecordBatch>& batch,
                                       Deadline deadline = {});
  void PublishAsync(const Scope& scope, const TopicId& topic,
                    const std::shared_ptr<arrow::RecordBatch>& batch, Deadline deadline,
                    std::move_only_function<void(Result<Offset>)> done);
  [[nodiscard]] Result<PublishOutcome> PublishMany(const Scope& scope, const TopicId& topic,
                                                   Publisher::Batches batches, const PublishOptions& options,
                                                   Deadline deadline = {});
  void PublishManyAsync(const Scope& scope, const TopicId& topic, Publisher::Batches batches,
                        const PublishOptions& options, Deadline deadline, Publisher::Done done);
  // The same from a thread that may not read. False: something must be read first, and nothing is done, nor
  // `done` called.
  [[nodiscard]] bool TryPublishManyAsync(const Scope& scope, const TopicId& topic, Publisher::Batches batches,
                                         const PublishOptions& options, Deadline deadline,
                                         Publisher::Done done);

  // All of a publish but the writing, which is for a transaction of the caller's: see PreparedAppend. It
  // reads, so it is not for the inside of a body. Errors: as PublishMany(); kInvalidState: from inside a
  // body.
  [[nodiscard]] Result<PreparedAppend> PrepareAppend(const Scope& scope, const TopicId& topic,
                                                     Publisher::Batches batches,
                                                     const PublishOptions& options = {},
                                                     TopicWriter writer = TopicWriter::kUser);

  [[nodiscard]] Result<std::unique_ptr<Subscription>> Subscribe(const Scope& scope, const TopicRef& topic,
                                                                From from,
                                                                const SubscribeOptions& options = {});
  [[nodiscard]] Result<EventPage> Read(const Scope& scope, const TopicRef& topic, From from,
                                       const ReadOptions& options = {});

  // Calls `verb(NamedConsumers&, const TopicEntry&)`, and returns what it does.
  // Errors: kNotFound with TopicNotFoundDetail; kUnavailable.
  template <class Verb>
  [[nodiscard]] auto OnConsumers(const Scope& scope, const TopicRef& topic, Verb verb)
      -> std::invoke_result_t<Verb, NamedConsumers&, const TopicEntry&> {
    const Pass pass(gate_);
    if (!pass) return Closed();
    JAMMI_ASSIGN(const auto entry, Find(scope, topic));
    return verb(consumers_, *entry);
  }

  // Refuses new work with kUnavailable, answers every publish that was accepted, ends every subscription.
  // Consumers' last acknowledgements are written. The catalog is not touched after it. Idempotent. Not from a
  // callback of a publish or a subscription.
  void Shutdown();

  [[nodiscard]] const FeedCounters& counters() const { return feeds_->counters(); }
  // For tests and statistics: topics that cost memory because somebody subscribes to them.
  [[nodiscard]] size_t feeds() const { return feeds_->size(); }
  [[nodiscard]] Attachments& attachments() { return consumers_.attachments(); }
  [[nodiscard]] Trimmer& trimmer() { return trimmer_; }

 private:
  using Entry = std::shared_ptr<const TopicEntry>;

  [[nodiscard]] static Error Closed() { return Error(ErrorCode::kUnavailable, "the engine is closed"); }

  Streams(Catalog& catalog, const StreamsOptions& options, std::shared_ptr<TriggerBroker> broker,
          ChangeReader changes, const Uuid& incarnation);

  // A topic that the scope sees.
  [[nodiscard]] Result<Entry> Find(const Scope& scope, const TopicRef& topic);
  // The topic, whoever owns it; null: the catalog has not been asked yet.
  [[nodiscard]] Entry Known(const TopicId& id);
  // The same; asks the catalog the first time.
  [[nodiscard]] Result<Entry> Resolve(const TopicId& id);
  // The same for who publishes: if the schema of a batch may be that of a version which this process has not
  // heard of, the catalog is asked again.
  [[nodiscard]] Result<Entry> ResolveFor(const TopicId& id, Publisher::Batches batches);
  // What is known with the latest version of its schema.
  [[nodiscard]] Result<Entry> Remember(StoredTopic stored);
  // The same, with what may have changed since it was remembered.
  [[nodiscard]] Result<Topic> Describe(StoredTopic stored);
  // All that may have to be read before `scope` publishes to the topic.
  [[nodiscard]] Result<Entry> PrepareToPublish(const Scope& scope, const TopicId& topic,
                                               Publisher::Batches batches);
  // The same without reading; null: something must be read.
  [[nodiscard]] Entry PreparedToPublish(const Scope& scope, const TopicId& topic, Publisher::Batches batches);
  // `done` of a publish that has entered the gate, which leaves it.
  [[nodiscard]] Publisher::Done ThenLeave(const TopicId& topic, Publisher::Done done);
  [[nodiscard]] Result<Entry> LookUpNumber(int64_t topic_no);
  void Forget(const TopicId& id);
  // Another process has changed the catalog: what is remembered of it may be gone.
  void OnChangesElsewhere();
  void ReadChanges();
  // The scope's own, kNotFound also when only the global one is there.
  [[nodiscard]] Result<StoredTopic> FindOwn(const Scope& scope, std::string_view name);
  // The numbers of the topics that were known under the name.
  std::vector<int64_t> ForgetNamed(const Scope& owner, std::string_view name);

  TopicRepo repo_;
  const Uuid incarnation_;
  const PageLimit page_;
  EventLog& log_;
  const TopicRetention default_retention_;
  Quotas quotas_;
  Publisher publisher_;
  const std::shared_ptr<TriggerBroker> broker_;  // may be null
  const std::function<void()> end_broker_;
  Gate gate_;
  std::atomic<bool> listening_ = true;  // to what other processes do
  std::mutex entries_mutex_;
  std::unordered_map<TopicId, Entry> entries_;
  const std::shared_ptr<Feeds> feeds_;    // shared with the log's listener, which may outlive us
  const std::shared_ptr<Outbox> outbox_;  // likewise; null without a broker
  NamedConsumers consumers_;
  std::atomic<int64_t> behind_ = 0;           // asynchronous publishes that wait for a look-up on background_
  std::atomic<bool> changes_posted_ = false;  // ReadChanges() is on its way
  ChangeReader changes_;                      // of background_
  Executor background_{1};
  Trimmer trimmer_;
};

}  // namespace jammi
