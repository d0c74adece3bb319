// The door of the library: open an engine, ask it for a session, work.
//
//   auto engine = jammi::Engine::Open(config);
//   auto session = (*engine)->ForTenant(tenant);          // or Global()
//   auto topic = session.topics().Register("quakes", schema);
//   session.Publish(topic->id, batch);                    // durable when it returns
//   auto quakes = session.Subscribe("quakes", From::Offset(0), {.predicate = "mag >= 5.0"});
#pragma once

#include <arrow/type_fwd.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/audit.h"
#include "jammi/catalog_backend.h"
#include "jammi/channels.h"
#include "jammi/clock.h"
#include "jammi/config.h"
#include "jammi/consumers.h"
#include "jammi/ephemeral.h"
#include "jammi/evaluations.h"
#include "jammi/event_forwarding.h"
#include "jammi/ids.h"
#include "jammi/index_segments.h"
#include "jammi/jobs.h"
#include "jammi/models.h"
#include "jammi/result.h"
#include "jammi/result_tables.h"
#include "jammi/scope.h"
#include "jammi/session_bindings.h"
#include "jammi/sources.h"
#include "jammi/table_transaction.h"
#include "jammi/tables.h"
#include "jammi/topic_read.h"
#include "jammi/topic_retention.h"
#include "jammi/trigger.h"

namespace jammi {

class EngineCore;
struct BrokerStatus;  // jammi/engine_status.h
struct FeedStats;
namespace events {
class EventSink;
}

// The topics a scope can see and, if they are its own, change. A light handle: cheap to copy,
// thread-safe; it keeps the engine's core alive, and answers kUnavailable once the engine is closed.
class Topics {
 public:
  using Page = TopicPage;

  // Creates a topic owned by the session's scope. `name` is 1..512 bytes of UTF-8; `schema` has one
  // column at least, of any type Arrow IPC carries; metadata is dropped.
  // Errors: kAlreadyExists with TopicExistsDetail; kInvalidArgument with UnsupportedSchemaTypeDetail, or
  // naming a column whose name is reserved or equal to another's but for case; kResourceExhausted with
  // QuotaExceededDetail.
  [[nodiscard]] Result<Topic> Register(std::string_view name, const std::shared_ptr<arrow::Schema>& schema,
                                       const std::map<std::string, std::string>& broker_metadata = {},
                                       const TopicRetention& retention = {});

  // The scope's own topic of that name, else the global one. Errors: kNotFound with TopicNotFoundDetail.
  [[nodiscard]] Result<Topic> Find(std::string_view name) const;
  [[nodiscard]] Result<Topic> Find(const TopicId& id) const;

  // Visible topics by creation time, `page_size` (1..1000) at a time; `page_token` from the page before.
  // Errors: kInvalidArgument for a token that is none.
  [[nodiscard]] Result<Page> List(int page_size = 100, std::string_view page_token = {}) const;

  // Appends columns to the schema of a topic that the scope owns; the topic as it is then. The columns may be
  // null, and are checked as by Register(). Whoever publishes may go on with the schema of any earlier
  // version; subscriptions made before keep the schema they were made with, later ones see the new columns in
  // every event, null where it does not have them. All in one transaction; of two calls at once that name the
  // same column one is refused.
  // Errors: kAlreadyExists with SchemaConflictDetail: the topic has exactly these columns already, as after
  // the same call before; kFailedPrecondition with SchemaConflictDetail: it has another column of such a
  // name, in any case; kNotFound with TopicNotFoundDetail, also for a global or another's topic;
  // kInvalidArgument as Register(), or for no columns, or one that may not be null.
  [[nodiscard]] Result<Topic> AppendColumns(const TopicId& id, const arrow::FieldVector& columns);

  // How this engine's broker takes the topic's events. Errors: kNotFound with TopicNotFoundDetail.
  [[nodiscard]] Result<FanOutStatus> FanOut(const TopicId& id) const;

  // Replaces the retention of a topic that the scope owns, all of it. What is beyond the new limits goes in
  // the background, soon. Errors: kInvalidArgument for a negative limit; kNotFound with TopicNotFoundDetail,
  // also for a global or another's topic.
  [[nodiscard]] Result<Topic> SetRetention(const TopicId& id, const TopicRetention& retention);

  // What the log has of a visible topic now. Errors: kNotFound with TopicNotFoundDetail.
  [[nodiscard]] Result<TopicStats> Stats(const TopicId& id) const;

  // Drops a topic that the scope owns; its subscriptions end after what they have buffered. The name is
  // free at once. Errors: kNotFound with TopicNotFoundDetail, also for a global or another's topic.
  [[nodiscard]] Result<void> Drop(const TopicId& id);

 private:
  friend class Session;
  Topics(std::shared_ptr<EngineCore> core, Scope scope) : core_(std::move(core)), scope_(std::move(scope)) {}
  std::shared_ptr<EngineCore> core_;
  Scope scope_;
};

// An engine, seen by one scope. Immutable, cheap to copy, thread-safe. Every call answers kUnavailable
// once the engine is closed.
class Session {
 public:
  [[nodiscard]] const Scope& scope() const { return scope_; }

  // The repositories of the catalog, as this scope sees them.
  [[nodiscard]] Models models() const { return Models(access()); }
  [[nodiscard]] Sources sources() const { return Sources(access()); }
  [[nodiscard]] Channels channels() const { return Channels(access()); }
  [[nodiscard]] ResultTables result_tables() const { return ResultTables(access()); }
  [[nodiscard]] IndexSegments index_segments() const { return IndexSegments(access()); }
  [[nodiscard]] Evaluations evaluations() const { return Evaluations(access()); }
  [[nodiscard]] TrainingJobs training_jobs() const { return TrainingJobs(access()); }
  [[nodiscard]] Tables tables() const;
  [[nodiscard]] Topics topics() const { return {core_, scope_}; }
  [[nodiscard]] Consumers consumers() const { return {core_, scope_}; }
  [[nodiscard]] AuditLog audit() const;

  // Opens an ephemeral session of this tenant. Errors: kFailedPrecondition with
  // EphemeralDetail(kNoTenantBinding) for the global scope; kInvalidArgument: a timeout that is not above
  // zero.
  [[nodiscard]] Result<EphemeralSession> OpenEphemeral(const OpenEphemeralOptions& options) const;
  // Another handle of an open session of this tenant, whichever engine opened it; that one keeps it.
  // Errors: kNotFound with EphemeralDetail(kEnded), also for another tenant's.
  [[nodiscard]] Result<EphemeralSession> AttachEphemeral(std::string_view session_id) const;

  // Appends `batch` to the topic as one event, stamped with this session's scope. The batch has exactly
  // the columns of a version of the topic's schema (names, order, types, nullability); zero rows are an event
  // too.
  // Success: the event is durable and has this offset. Errors: kNotFound with TopicNotFoundDetail;
  // kInvalidArgument with BatchSchemaMismatchDetail, or for a batch that is damaged or larger than
  // `trigger.max_batch_bytes`; kPermissionDenied with PublishTenantMismatchDetail; kResourceExhausted
  // with QuotaExceededDetail, which says when to try again; kResourceExhausted (disk or queue full),
  // kDeadlineExceeded, kUnavailable: it is not in the log; kOutcomeUnknown: it may be.
  [[nodiscard]] Result<Offset> Publish(const TopicId& topic, const std::shared_ptr<arrow::RecordBatch>& batch,
                                       Deadline deadline = {}) const;

  // The same without waiting. `done` is called exactly once, on an engine thread or, for an error found
  // at once, on the caller's; it must be short. Calls of one thread for one topic get offsets in order.
  void PublishAsync(const TopicId& topic, const std::shared_ptr<arrow::RecordBatch>& batch,
                    std::move_only_function<void(Result<Offset>)> done, Deadline deadline = {}) const;

  // The same, once: see PublishOptions. Errors: also kAlreadyExists with ProducerKeyConflictDetail; the
  // offset in it is of an event of this scope.
  [[nodiscard]] Result<PublishOutcome> Publish(const TopicId& topic,
                                               const std::shared_ptr<arrow::RecordBatch>& batch,
                                               const PublishOptions& options, Deadline deadline = {}) const;

  // Appends each batch as one event, all of them in one commit, with consecutive offsets; or none of them.
  // All are checked before anything is written; the error of one says which: "batch 3: ...".
  // Errors: as Publish; also kInvalidArgument for no batch, more than kMaxPublishBatches, or more than
  // kMaxPublishBytes of them together.
  [[nodiscard]] Result<PublishOutcome> PublishMany(
      const TopicId& topic, std::span<const std::shared_ptr<arrow::RecordBatch>> batches,
      const PublishOptions& options = {}, Deadline deadline = {}) const;

  // Both without waiting, as the other PublishAsync.
  using PublishDone = std::move_only_function<void(Result<PublishOutcome>)>;
  void PublishAsync(const TopicId& topic, const std::shared_ptr<arrow::RecordBatch>& batch,
                    const PublishOptions& options, PublishDone done, Deadline deadline = {}) const;
  void PublishManyAsync(const TopicId& topic, std::span<const std::shared_ptr<arrow::RecordBatch>> batches,
                        const PublishOptions& options, PublishDone done, Deadline deadline = {}) const;

  // They may read the catalog before they return: about a topic that is new here, a new version of its
  // schema, or a quota. This one is for threads that may not. False: something must be read first; nothing is
  // done, and `done` is not called.
  [[nodiscard]] bool TryPublishManyAsync(const TopicId& topic,
                                         std::span<const std::shared_ptr<arrow::RecordBatch>> batches,
                                         const PublishOptions& options, PublishDone done,
                                         Deadline deadline = {}) const;

  // Runs `body`, which changes tables and publishes, in one transaction: all of it is durable when this
  // returns, or nothing. Of several at once on PostgreSQL each statement sees what was committed before it
  // (READ COMMITTED); on SQLite one runs after the other.
  // Errors: of the verb that failed, else the body's own; kNotFound with TopicNotFoundDetail also for a topic
  // that was dropped meanwhile; kDeadlineExceeded: it did not begin in time; kResourceExhausted: the disk is
  // full; kUnavailable: nothing is there; kOutcomeUnknown: it may be.
  [[nodiscard]] Result<TransactOutcome> Transact(const TransactBody& body, Deadline deadline = {}) const;

  // Attaches a cursor to the topic. It sees events published by this scope or unscoped, and among their rows
  // those that match options.predicate.
  // Errors: kNotFound with TopicNotFoundDetail; kInvalidArgument with PredicateParseDetail or
  // PredicateUnsupportedDetail, or for a position of another topic; kFailedPrecondition with
  // OffsetEvictedDetail or PositionOutdatedDetail.
  [[nodiscard]] Result<std::unique_ptr<Subscription>> Subscribe(const TopicRef& topic, From from,
                                                                SubscribeOptions options = {}) const;

  // The events that such a subscription would deliver, a page for each call: for tools, which come with a
  // position and go with the next. A call does a bounded amount of work and leaves nothing behind.
  // Errors: as Subscribe; kInvalidArgument for options out of range; of an event that cannot be delivered (as
  // Subscription::Next): on the page that begins with it; kUnavailable.
  [[nodiscard]] Result<EventPage> ReadTopic(const TopicRef& topic, From from,
                                            const ReadOptions& options = {}) const;

 private:
  friend class Engine;
  Session(std::shared_ptr<EngineCore> core, Scope scope) : core_(std::move(core)), scope_(std::move(scope)) {}
  [[nodiscard]] CatalogAccess access() const;
  std::shared_ptr<EngineCore> core_;
  Scope scope_;
};

// What a program embedding the engine may replace.
struct EngineOptions {
  std::shared_ptr<Clock> clock = Clock::System();
  // A driver of one's own instead of config.broker's.
  std::shared_ptr<TriggerBroker> broker;
  // Keys of the audit log instead of config.signing_key's.
  std::shared_ptr<AuditKeyStore> audit_keys;
  // Where config.events forwards to, instead of config.events.url. It is not closed.
  std::shared_ptr<events::EventSink> event_sink;
  // Name of a registered SQLite VFS; empty = the system's. For fault tests.
  std::string sqlite_vfs;
};

// An open catalog with all that runs on it. Thread-safe. Sessions and subscriptions may outlive it; they
// answer kUnavailable, or end.
class Engine {
 public:
  // Opens or creates the catalog of `config`, migrates it, and makes every registered topic usable.
  // Errors: kInvalidArgument and kUnimplemented with ConfigDetail; kFailedPrecondition with
  // CatalogLockedDetail (another engine holds the file; named) or with BackendDetail(kMigration) (the
  // database is newer); kDataLoss (the file is damaged or no database); kFailedPrecondition with
  // AuditDetail(kMasterKey) (audit.require_key); kResourceExhausted, kUnavailable.
  [[nodiscard]] static Result<std::unique_ptr<Engine>> Open(const Config& config, EngineOptions options = {});

  // Close().
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  [[nodiscard]] Session ForTenant(const TenantId& tenant) const;
  [[nodiscard]] Session Global() const;

  // For workers, which serve every scope; not for what a tenant may ask.
  [[nodiscard]] JobQueue job_queue() const;

  // Which clients' sessions are whose, for servers; limited by config.server.
  [[nodiscard]] SessionBindings session_bindings() const;

  // Refuses new work, completes what has been accepted (every PublishAsync gets its answer), ends every
  // subscription, closes ephemeral sessions (their tables go with the next engine), writes what consumers
  // have acknowledged and gives back their leases, checkpoints and closes the catalog. Idempotent. Not from a
  // callback of PublishAsync or OnReady, which it waits for; nor may the engine be destroyed there.
  void Close();

  // Answers whether the catalog can be asked. Errors: kUnavailable, kDeadlineExceeded.
  [[nodiscard]] Result<void> Ping(Deadline deadline) const;

  // UUID of this catalog's history; part of every stored position.
  [[nodiscard]] const std::string& incarnation() const;
  [[nodiscard]] BackendStats stats() const;
  [[nodiscard]] RetentionStats retention_stats() const;
  [[nodiscard]] FeedStats feed_stats() const;
  [[nodiscard]] BrokerStatus broker_status() const;
  [[nodiscard]] EventForwardingStatus event_forwarding() const;

 private:
  explicit Engine(std::shared_ptr<EngineCore> core) : core_(std::move(core)) {}
  std::shared_ptr<EngineCore> core_;
};

}  // namespace jammi
