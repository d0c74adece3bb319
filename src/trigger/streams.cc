#include "trigger/streams.h"

#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/sync_point.h"
#include "trigger/broker_metadata.h"
#include "trigger/event_reader.h"
#include "trigger/topic_schema.h"

namespace jammi {
namespace {

// Beyond it one goes for each that comes; a topic costs a look-up then, no more.
constexpr size_t kMaxEntries = 16384;

Result<void> CheckOptions(const StreamsOptions& options) {
  const auto check = [](std::string_view name, int64_t value) -> Result<void> {
    if (value >= 1) return {};
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("trigger.{} = {}: expected 1 or more", name, value));
  };
  JAMMI_TRY(check("ring_bytes", options.ring_bytes));
  JAMMI_TRY(check("page_bytes", options.page.bytes));
  JAMMI_TRY(check("page_events", options.page.events));
  JAMMI_TRY(check("max_batch_bytes", options.max_batch_bytes));
  JAMMI_TRY(check("page_loader_threads", options.page_loader_threads));
  JAMMI_TRY(check("retention.interval_ms", options.trimmer.interval.count()));
  return check("dispatch_threads", options.dispatch_threads);
}

Result<TopicEntry> ToEntry(StoredTopic stored) {
  auto schema = DecodeSchema(stored.schema);
  if (!schema) return std::move(schema).error().While(fmt::format("topic '{}'", stored.name));
  auto codec = EventCodec::Make(*schema, stored.earlier_columns);
  if (!codec) return std::move(codec).error().While(fmt::format("topic '{}'", stored.name));
  return TopicEntry{.topic = {.id = stored.id,
                              .name = std::move(stored.name),
                              .schema = std::move(*schema),
                              .owner = stored.owner,
                              .broker_metadata = std::move(stored.broker_metadata),
                              .created_at = stored.created_at,
                              .retention = stored.retention},
                    .topic_no = stored.topic_no,
                    .codec = *std::move(codec)};
}

Feeds::BellMaker BellsOf(const std::shared_ptr<TriggerBroker>& broker) {
  if (broker == nullptr || broker->driver_kind() == BrokerKind::kInMemory) return nullptr;
  return [broker](const TopicId& topic, TriggerBroker::Ring ring) {
    return broker->Listen(topic, std::move(ring));
  };
}

// May the schema of one of them be that of a version which came after the entry?
bool MayBeNewer(const TopicEntry& entry, Publisher::Batches batches) {
  return std::ranges::any_of(batches, [&](const std::shared_ptr<arrow::RecordBatch>& batch) {
    return batch != nullptr && IsGrowthOf(*entry.topic.schema, *batch->schema());
  });
}

// Leaves the gate that somebody else has entered.
class Leaving {
 public:
  explicit Leaving(Gate& gate) : gate_(gate) {}
  ~Leaving() { gate_.Leave(); }
  Leaving(const Leaving&) = delete;
  Leaving& operator=(const Leaving&) = delete;

 private:
  Gate& gate_;
};

}  // namespace

Result<std::unique_ptr<Streams>> Streams::Open(Catalog& catalog, const StreamsOptions& options,
                                               std::shared_ptr<TriggerBroker> broker) {
  JAMMI_TRY(CheckOptions(options));
  JAMMI_ASSIGN(ChangeReader changes, ChangeReader::AtHead(catalog.backend()));
  const auto incarnation = Uuid::Parse(catalog.incarnation());
  if (!incarnation) return Error(ErrorCode::kDataLoss, "the catalog's incarnation is no UUID");
  return std::unique_ptr<Streams>(
      new Streams(catalog, options, std::move(broker), std::move(changes), *incarnation));
}

Streams::Streams(Catalog& catalog, const StreamsOptions& options, std::shared_ptr<TriggerBroker> broker,
                 ChangeReader changes, const Uuid& incarnation)
    : repo_(catalog.backend()),
      incarnation_(incarnation),
      page_(options.page),
      log_(catalog.log()),
      default_retention_(options.trimmer.defaults),
      quotas_(options.quotas, options.clock,
              [this](const Scope& scope) { return repo_.RetainedBytes(scope); }),
      publisher_(catalog.log(), options.max_batch_bytes, &quotas_),
      broker_(std::move(broker)),
      end_broker_(options.end_broker),
      feeds_(std::make_shared<Feeds>(catalog.log(),
                                     FeedLimits{.ring_bytes = options.ring_bytes,
                                                .page = options.page,
                                                .page_cache_bytes = options.page_cache_bytes},
                                     options.dispatch_threads, options.page_loader_threads,
                                     std::chrono::seconds(1), incarnation, BellsOf(broker_))),
      outbox_(broker_ == nullptr ? nullptr
                                 : Outbox::Start(
                                       broker_, [this](int64_t topic_no) { return LookUpNumber(topic_no); },
                                       OutboxLimits{.queue_bytes = options.ring_bytes})),
      consumers_(catalog, incarnation, feeds_, options.attachments),
      changes_(std::move(changes)),
      trimmer_(catalog.backend(), options.trimmer) {
  catalog.log().SetListener([feeds = feeds_, outbox = outbox_](std::span<const CommittedEvent> events) {
    feeds->OnCommitted(events);
    if (outbox != nullptr) outbox->OnCommitted(events);
  });
  catalog.log().SetHeadListener([this](int64_t topic_no, uint64_t next_offset) {
    feeds_->OnHead(topic_no, next_offset);
    if (topic_no == kChangesTopicNo) OnChangesElsewhere();
  });
}

// --- Topics -------------------------------------------------------------------------------------------

Result<Topic> Streams::RegisterTopic(const Scope& scope, std::string_view name,
                                     const std::shared_ptr<arrow::Schema>& schema,
                                     const std::map<std::string, std::string>& broker_metadata,
                                     const TopicRetention& retention) {
  const Pass pass(gate_);
  if (!pass) return Closed();
  JAMMI_TRY(RetentionSeconds(broker_metadata));
  JAMMI_ASSIGN(const auto prepared, PrepareTopicSchema(schema));
  JAMMI_ASSIGN(const auto bytes, EncodeSchema(*prepared));
  JAMMI_ASSIGN(auto stored,
               repo_.Register(scope, name, bytes, broker_metadata, retention, quotas_.MaxTopics(scope)));
  JAMMI_ASSIGN(const auto entry, Remember(std::move(stored)));
  // The catalog first: a driver that is not there now learns of the topic with its first event (W-20).
  if (outbox_ != nullptr) outbox_->Register(entry);
  return entry->topic;
}

Result<Topic> Streams::FindTopic(const Scope& scope, std::string_view name) {
  const Pass pass(gate_);
  if (!pass) return Closed();
  JAMMI_ASSIGN(auto stored, repo_.FindByName(scope, name));
  return Describe(std::move(stored));
}

Result<Topic> Streams::FindTopic(const Scope& scope, const TopicId& id) {
  const Pass pass(gate_);
  if (!pass) return Closed();
  JAMMI_ASSIGN(auto stored, repo_.FindById(scope, id));
  return Describe(std::move(stored));
}

Result<TopicPage> Streams::ListTopics(const Scope& scope, int page_size, std::string_view page_token) {
  const Pass pass(gate_);
  if (!pass) return Closed();
  JAMMI_ASSIGN(auto stored, repo_.List(scope, page_size, page_token));
  TopicPage page{.next_page_token = std::move(stored.next_page_token)};
  for (auto& topic : stored.items) {
    JAMMI_ASSIGN(auto entry, ToEntry(std::move(topic)));
    page.topics.push_back(std::move(entry.topic));
  }
  return page;
}

Result<Topic> Streams::AppendColumns(const Scope& scope, const TopicId& id,
                                     const arrow::FieldVector& fields) {
  const Pass pass(gate_);
  if (!pass) return Closed();
  const auto grow = [&](const StoredTopic& now) -> Result<TopicRepo::GrownSchema> {
    JAMMI_ASSIGN(const auto schema, DecodeSchema(now.schema));
    JAMMI_ASSIGN(const auto grown, AppendTopicColumns(now.name, *schema, fields));
    JAMMI_ASSIGN(auto bytes, EncodeSchema(*grown));
    return TopicRepo::GrownSchema{std::move(bytes), schema->num_fields()};
  };
  JAMMI_ASSIGN(auto stored, repo_.AppendColumns(scope, id, grow));
  JAMMI_ASSIGN(auto topic, Describe(std::move(stored)));
  JAMMI_ASSIGN(const auto entry, Resolve(id));
  if (outbox_ != nullptr) outbox_->Register(entry);
  return topic;
}

Result<Topic> Streams::SetRetention(const Scope& scope, const TopicId& id, const TopicRetention& retention) {
  const Pass pass(gate_);
  if (!pass) return Closed();
  JAMMI_ASSIGN(auto stored, repo_.SetRetention(scope, id, retention));
  trimmer_.Nudge();
  return Describe(std::move(stored));
}

Result<TopicStats> Streams::StatsOf(const Scope& scope, const TopicId& id) {
  const Pass pass(gate_);
  if (!pass) return Closed();
  return repo_.Stats(scope, id, default_retention_);
}

Result<FanOutStatus> Streams::FanOut(const Scope& scope, const TopicId& id) {
  const Pass pass(gate_);
  if (!pass) return Closed();
  JAMMI_ASSIGN(const auto stored, repo_.FindById(scope, id));
  if (outbox_ == nullptr) return FanOutStatus();
  auto status = outbox_->Status(stored.topic_no);
  auto report = broker_->Report(id);
  if (report.last_error_at > status.last_error_at) {
    status.last_error = std::move(report.last_error);
    status.last_error_at = report.last_error_at;
  }
  return status;
}

Result<void> Streams::DropTopic(const Scope& scope, const TopicId& id) {
  const Pass pass(gate_);
  if (!pass) return Closed();
  const auto end_feed = [feeds = feeds_](int64_t topic_no) { feeds->OnDropped(topic_no); };
  JAMMI_ASSIGN(const int64_t topic_no, repo_.Drop(scope, id, end_feed));
  Forget(id);
  if (outbox_ != nullptr) outbox_->Drop(topic_no, id);
  trimmer_.Nudge();  // its events go in the background
  return {};
}

// From the catalog, so that the schema is the newest.
Result<Streams::Entry> Streams::Find(const Scope& scope, const TopicRef& topic) {
  if (const auto* name = std::get_if<std::string_view>(&topic.get())) {
    JAMMI_ASSIGN(auto stored, repo_.FindByName(scope, *name));
    return Remember(std::move(stored));
  }
  JAMMI_ASSIGN(auto stored, repo_.FindById(scope, std::get<TopicId>(topic.get())));
  return Remember(std::move(stored));
}

Streams::Entry Streams::Known(const TopicId& id) {
  const std::lock_guard lock(entries_mutex_);
  const auto it = entries_.find(id);
  return it == entries_.end() ? nullptr : it->second;
}

Result<Streams::Entry> Streams::Resolve(const TopicId& id) {
  if (auto known = Known(id)) return known;
  JAMMI_ASSIGN(auto stored, repo_.FindAnyById(id));
  return Remember(std::move(stored));
}

Result<Streams::Entry> Streams::ResolveFor(const TopicId& id, Publisher::Batches batches) {
  JAMMI_ASSIGN(auto entry, Resolve(id));
  if (!MayBeNewer(*entry, batches)) return entry;
  JAMMI_ASSIGN(auto stored, repo_.FindAnyById(id));
  return Remember(std::move(stored));
}

Result<Streams::Entry> Streams::Remember(StoredTopic stored) {
  const size_t versions = stored.earlier_columns.size() + 1;
  {
    const std::lock_guard lock(entries_mutex_);
    const auto it = entries_.find(stored.id);
    if (it != entries_.end() && it->second->codec.versions() >= versions) return it->second;
  }
  JAMMI_ASSIGN(auto made, ToEntry(std::move(stored)));
  const auto entry = std::make_shared<const TopicEntry>(std::move(made));
  if (outbox_ != nullptr) outbox_->Know(entry);
  const std::lock_guard lock(entries_mutex_);
  if (entries_.size() >= kMaxEntries) entries_.erase(entries_.begin());
  auto& known = entries_[entry->topic.id];
  if (known == nullptr || known->codec.versions() < versions) known = entry;
  return known;
}

Result<Topic> Streams::Describe(StoredTopic stored) {
  const TopicRetention retention = stored.retention;
  JAMMI_ASSIGN(const auto entry, Remember(std::move(stored)));
  Topic topic = entry->topic;
  topic.retention = retention;
  return topic;
}

Result<Streams::Entry> Streams::LookUpNumber(int64_t topic_no) {
  JAMMI_ASSIGN(auto stored, repo_.FindAnyByNumber(topic_no));
  return Remember(std::move(stored));
}

void Streams::Forget(const TopicId& id) {
  const std::lock_guard lock(entries_mutex_);
  entries_.erase(id);
}

// --- Other processes -----------------------------------------------------------------------------------

void Streams::OnChangesElsewhere() {
  if (changes_posted_.exchange(true)) return;
  background_.Post([this] {
    changes_posted_ = false;  // first: what changes from now on is read now or posts again
    const Pass pass(gate_);
    if (pass) ReadChanges();
  });
}

void Streams::ReadChanges() {
  JAMMI_SYNC_POINT("Streams::ReadChanges");
  while (true) {
    const auto changes = changes_.Next();
    if (!changes) {
      Log(LogLevel::kWarning, "changes of the catalog by other processes: {}; the next one asks again",
          changes.error().ToString());
    }
    if (!changes || changes->empty()) return;
    for (const ReadChange& change : *changes) {
      if (change.kind != "topic" || change.verb == ToString(ChangeVerb::kRegistered)) continue;
      const auto numbers = ForgetNamed(change.owner, change.name);
      if (change.verb != ToString(ChangeVerb::kDeleted)) continue;
      // One that was registered again under the name is still there, and is merely looked up again.
      for (const int64_t topic_no : numbers) feeds_->CheckDropped(topic_no);
    }
  }
}

std::vector<int64_t> Streams::ForgetNamed(const Scope& owner, std::string_view name) {
  std::vector<int64_t> numbers;
  const std::lock_guard lock(entries_mutex_);
  std::erase_if(entries_, [&](const auto& entry) {
    const Topic& topic = entry.second->topic;
    const bool named = topic.owner == owner && topic.name == name;
    if (named) numbers.push_back(entry.second->topic_no);
    return named;
  });
  return numbers;
}

// --- Publish ------------------------------------------------------------------------------------------

Result<Streams::Entry> Streams::PrepareToPublish(const Scope& scope, const TopicId& topic,
                                                 Publisher::Batches batches) {
  JAMMI_ASSIGN(const auto entry, ResolveFor(topic, batches));
  JAMMI_TRY(quotas_.Prepare(scope, entry->topic.owner));
  return entry;
}

Streams::Entry Streams::PreparedToPublish(const Scope& scope, const TopicId& topic,
                                          Publisher::Batches batches) {
  auto entry = Known(topic);
  if (entry == nullptr || MayBeNewer(*entry, batches)) return nullptr;
  return quotas_.IsPrepared(scope, entry->topic.owner) ? std::move(entry) : nullptr;
}

Result<Offset> Streams::Publish(const Scope& scope, const TopicId& topic,
                                const std::shared_ptr<arrow::RecordBatch>& batch, Deadline deadline) {
  JAMMI_ASSIGN(const PublishOutcome outcome, PublishMany(scope, topic, {&batch, 1}, {}, deadline));
  return outcome.offset;
}

void Streams::PublishAsync(const Scope& scope, const TopicId& topic,
                           const std::shared_ptr<arrow::RecordBatch>& batch, Deadline deadline,
                           std::move_only_function<void(Result<Offset>)> done) {
  PublishManyAsync(scope, topic, {&batch, 1}, {}, deadline,
                   [done = std::move(done)](Result<PublishOutcome> outcome) mutable {
                     if (outcome) return done(outcome->offset);
                     done(std::move(outcome).error());
                   });
}

Result<PublishOutcome> Streams::PublishMany(const Scope& scope, const TopicId& topic,
                                            Publisher::Batches batches, const PublishOptions& options,
                                            Deadline deadline) {
  const Pass pass(gate_);
  if (!pass) return Closed();
  JAMMI_ASSIGN(const auto entry, PrepareToPublish(scope, topic, batches));
  auto outcome = publisher_.Publish(*entry, scope, batches, options, deadline);
  if (!outcome && outcome.error().code() == ErrorCode::kNotFound) Forget(topic);
  return outcome;
}

Publisher::Done Streams::ThenLeave(const TopicId& topic, Publisher::Done done) {
  return [this, topic, done = std::move(done)](Result<PublishOutcome> outcome) mutable {
    const Leaving leaving(gate_);  // also when `done` throws; what it holds has died before
    if (!outcome && outcome.error().code() == ErrorCode::kNotFound) Forget(topic);
    std::exchange(done, nullptr)(std::move(outcome));
  };
}

void Streams::PublishManyAsync(const Scope& scope, const TopicId& topic, Publisher::Batches batches,
                               const PublishOptions& options, Deadline deadline, Publisher::Done done) {
  if (!gate_.Enter()) return done(Closed());
  auto leave_after = ThenLeave(topic, std::move(done));
  if (behind_ == 0) {
    const auto entry = PrepareToPublish(scope, topic, batches);
    if (entry) {
      return publisher_.PublishAsync(**entry, scope, batches, options, deadline, std::move(leave_after));
    }
    if (entry.error().code() != ErrorCode::kInvalidState) return leave_after(entry.error());
  }
  // Called from a callback of the log, where nothing may be read: the look-up goes to another thread, and
  // whatever comes while it is under way goes behind it. We are inside the gate, so that thread is there.
  ++behind_;
  std::vector<std::shared_ptr<arrow::RecordBatch>> kept(batches.begin(), batches.end());
  background_.Post([this, scope, topic, kept = std::move(kept), options, deadline,
                    leave_after = std::move(leave_after)]() mutable {
    const auto entry = PrepareToPublish(scope, topic, kept);
    if (entry) {
      publisher_.PublishAsync(**entry, scope, kept, options, deadline, std::move(leave_after));
    } else {
      leave_after(entry.error());
    }
    --behind_;
  });
}

bool Streams::TryPublishManyAsync(const Scope& scope, const TopicId& topic, Publisher::Batches batches,
                                  const PublishOptions& options, Deadline deadline, Publisher::Done done) {
  if (!gate_.Enter()) {
    done(Closed());
    return true;
  }
  // Behind those of the callbacks, as PublishManyAsync() has it.
  const auto entry = behind_ == 0 ? PreparedToPublish(scope, topic, batches) : nullptr;
  if (entry == nullptr) {
    gate_.Leave();
    return false;
  }
  publisher_.PublishAsync(*entry, scope, batches, options, deadline, ThenLeave(topic, std::move(done)));
  return true;
}

// --- Subscribe ----------------------------------------------------------------------------------------

Result<std::unique_ptr<Subscription>> Streams::Subscribe(const Scope& scope, const TopicRef& topic, From from,
                                                         const SubscribeOptions& options) {
  const Pass pass(gate_);
  if (!pass) return Closed();
  JAMMI_ASSIGN(const auto entry, Find(scope, topic));
  return feeds_->Attach(*entry, scope, from, options);
}

Result<EventPage> Streams::Read(const Scope& scope, const TopicRef& topic, From from,
                                const ReadOptions& options) {
  const Pass pass(gate_);
  if (!pass) return Closed();
  JAMMI_ASSIGN(const auto entry, Find(scope, topic));
  JAMMI_ASSIGN(const auto start, feeds_->FindStart(*entry, from));
  return ReadEvents(log_, page_, *entry, scope, {incarnation_, entry->topic.id, start.next}, options);
}

void Streams::Shutdown() {
  gate_.Shut();
  if (listening_.exchange(false)) log_.SetHeadListener(nullptr);
  trimmer_.Stop();
  quotas_.Stop();
  background_.Stop();
  if (outbox_ != nullptr) outbox_->Drain(Deadline::After(std::chrono::seconds(1)));
  if (end_broker_) end_broker_();
  if (outbox_ != nullptr) outbox_->Shutdown();
  feeds_->Shutdown();
  consumers_.Shutdown();  // what the last callbacks have acknowledged too
}

}  // namespace jammi
