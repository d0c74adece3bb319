#include "jammi/engine.h"

#include <functional>
#include <utility>

#include "base/log.h"
#include "engine/engine_core.h"
#include "forwarding/own_sink.h"
#include "jammi/engine_status.h"
#include "tables/transactor.h"
#include "trigger/jetstream/jetstream_broker.h"

namespace jammi {
namespace {

SqliteOptions SqliteCatalogOptions(const Config& config, const SqliteCatalogConfig& sqlite,
                                   const EngineOptions& options) {
  SqliteOptions made;
  made.path = config.CatalogPath();
  made.durability = sqlite.synchronous == SqliteSynchronous::kFull ? Durability::kFull : Durability::kNormal;
  made.reader_connections = sqlite.reader_connections;
  made.group_max_work = sqlite.group_max_work;
  made.group_max_bytes = sqlite.group_max_bytes;
  made.group_max_wait = std::chrono::microseconds(sqlite.group_max_wait_us);
  made.queue_limit = sqlite.queue_limit;
  made.clock = options.clock;
  made.vfs = options.sqlite_vfs;
  return made;
}

PostgresOptions PostgresCatalogOptions(const PostgresCatalogConfig& postgres) {
  PostgresOptions made;
  made.url = postgres.url;
  made.pool_size = static_cast<int>(postgres.pool_size);
  if (postgres.max_lifetime_secs) made.max_lifetime = std::chrono::seconds(*postgres.max_lifetime_secs);
  return made;
}

Result<std::unique_ptr<Catalog>> OpenCatalog(const Config& config, const EngineOptions& options) {
  if (const auto* postgres = std::get_if<PostgresCatalogConfig>(&config.catalog)) {
    return OpenPostgresCatalog(PostgresCatalogOptions(*postgres));
  }
  return OpenSqliteCatalog(
      SqliteCatalogOptions(config, std::get<SqliteCatalogConfig>(config.catalog), options));
}

// Without what is secret.
std::string Describe(const Config& config) {
  return std::holds_alternative<SqliteCatalogConfig>(config.catalog) ? config.CatalogPath().string()
                                                                     : "on PostgreSQL";
}

// A broker that cannot be reached now is none of Open()'s errors: it is connected to in the background.
Result<std::shared_ptr<TriggerBroker>> MakeBroker(const BrokerConfig& config,
                                                  const std::string& incarnation) {
  const auto* const jetstream = std::get_if<JetStreamBrokerConfig>(&config);
  if (jetstream == nullptr) return std::shared_ptr<TriggerBroker>(NewMemoryBroker());
  JetStreamBrokerOptions options;
  options.url = jetstream->url;
  options.credentials_path = jetstream->credentials_path;
  options.tls_authority_path = jetstream->tls_authority_path;
  options.tls_certificate_path = jetstream->tls_certificate_path;
  options.tls_key_path = jetstream->tls_key_path;
  options.retention_seconds = jetstream->retention_seconds;
  options.publisher = incarnation;
  auto broker = NewJetStreamBroker(options);
  if (!broker) return std::move(broker).error().While("[broker]");
  return std::shared_ptr<TriggerBroker>(std::move(*broker));
}

std::optional<int64_t> LimitOf(uint64_t configured) {
  if (configured == 0) return std::nullopt;
  return static_cast<int64_t>(configured);
}

TrimmerOptions TrimOptions(const RetentionConfig& retention) {
  return {.interval = std::chrono::milliseconds(retention.trim_interval_ms),
          .defaults = {.max_age = std::chrono::seconds(retention.max_age_secs),
                       .max_bytes = static_cast<int64_t>(retention.max_bytes),
                       .max_events = static_cast<int64_t>(retention.max_events),
                       .keep_for_consumers = retention.keep_for_consumers}};
}

QuotaOptions QuotaLimitsOf(const QuotaConfig& quotas) {
  const auto limits = [&](const TenantQuotaConfig& own) {
    return QuotaLimits{.max_topics = LimitOf(own.max_topics.value_or(quotas.max_topics)),
                       .max_bytes = LimitOf(own.max_bytes.value_or(quotas.max_bytes)),
                       .events_per_second = LimitOf(own.events_per_second.value_or(quotas.events_per_second)),
                       .bytes_per_second = LimitOf(own.bytes_per_second.value_or(quotas.bytes_per_second))};
  };
  QuotaOptions made{.everybody = limits({})};
  for (const auto& [tenant, own] : quotas.tenants) {
    made.tenants.emplace(TenantId::Parse(tenant).value(), limits(own));  // the configuration was validated
  }
  return made;
}

StreamsOptions TriggerOptions(const Config& config, const EngineOptions& options) {
  StreamsOptions made;
  made.ring_bytes = config.trigger.ring_bytes;
  made.page.bytes = config.trigger.page_bytes;
  made.page_cache_bytes = config.trigger.page_cache_bytes;
  made.page.events = config.trigger.page_events;
  made.max_batch_bytes = config.trigger.max_batch_bytes;
  made.page_loader_threads = config.trigger.page_loader_threads;
  made.trimmer = TrimOptions(config.trigger.retention);
  made.quotas = QuotaLimitsOf(config.quotas);
  made.clock = options.clock;
  return made;
}

EphemeralSessionsOptions EphemeralOptions(const EphemeralConfig& config) {
  return {.sweep_interval = std::chrono::milliseconds(config.sweep_interval_ms),
          .lease = std::chrono::milliseconds(config.lease_ms)};
}

SessionLimits SessionLimitsOf(const ServerConfig& config) {
  const std::chrono::microseconds keep = std::chrono::seconds(config.session_idle_secs);
  return {.keep = keep, .touch_after = keep / 8, .most = static_cast<int64_t>(config.max_sessions)};
}

std::shared_ptr<AuditKeyStore> KeyStoreOf(const SigningKeyConfig& config) {
  const auto* const file = std::get_if<FileSigningKeyConfig>(&config);
  return file == nullptr ? NewEnvAuditKeyStore() : NewFileAuditKeyStore(file->path);
}

// Begins to forward the events of a catalog; null: nothing is forwarded.
using StartForwarding = std::move_only_function<std::unique_ptr<Forwarder>(Catalog& catalog)>;

// What can be wrong with it is told before anything is opened. That the server cannot be reached now is not.
Result<StartForwarding> PrepareForwarding([[maybe_unused]] const EventsConfig& config,
                                          [[maybe_unused]] const EngineOptions& options) {
#ifdef JAMMI_HAS_NATS
  if (!config.enabled) return StartForwarding();
  ForwardingSink sink{.sink = options.event_sink};
  ForwardingOptions forwarding{.lifecycle = config.lifecycle,
                               .topics = config.topics,
                               .source = config.source,
                               .window = config.window,
                               .close_sink = sink.sink == nullptr,
                               .clock = options.clock};
  if (config.dead_letter_path) {
    JAMMI_ASSIGN(forwarding.dead_letter, OpenDeadLetters(*config.dead_letter_path, options.clock));
  }
  if (sink.sink == nullptr) {
    JAMMI_ASSIGN(sink, OpenForwardingSink(config, ProcessEnvironment()));
  }
  forwarding.sink_status = sink.status;
  return StartForwarding([sink = std::move(sink.sink), forwarding = std::move(forwarding)](Catalog& catalog) {
    return Forwarder::Start(catalog, sink, forwarding);
  });
#else
  return StartForwarding();  // CheckSupported() has refused it
#endif
}

}  // namespace

// --- Topics -------------------------------------------------------------------------------------------

Result<Topic> Topics::Register(std::string_view name, const std::shared_ptr<arrow::Schema>& schema,
                               const std::map<std::string, std::string>& broker_metadata,
                               const TopicRetention& retention) {
  return core_->streams->RegisterTopic(scope_, name, schema, broker_metadata, retention);
}

Result<Topic> Topics::Find(std::string_view name) const { return core_->streams->FindTopic(scope_, name); }

Result<Topic> Topics::Find(const TopicId& id) const { return core_->streams->FindTopic(scope_, id); }

Result<Topics::Page> Topics::List(int page_size, std::string_view page_token) const {
  return core_->streams->ListTopics(scope_, page_size, page_token);
}

Result<Topic> Topics::AppendColumns(const TopicId& id, const arrow::FieldVector& columns) {
  return core_->streams->AppendColumns(scope_, id, columns);
}

Result<FanOutStatus> Topics::FanOut(const TopicId& id) const { return core_->streams->FanOut(scope_, id); }

Result<Topic> Topics::SetRetention(const TopicId& id, const TopicRetention& retention) {
  return core_->streams->SetRetention(scope_, id, retention);
}

Result<TopicStats> Topics::Stats(const TopicId& id) const { return core_->streams->StatsOf(scope_, id); }

Result<void> Topics::Drop(const TopicId& id) { return core_->streams->DropTopic(scope_, id); }

// --- Session ------------------------------------------------------------------------------------------

Tables Session::tables() const { return {{core_, core_->tables.get()}, scope_}; }

Result<TransactOutcome> Session::Transact(const TransactBody& body, Deadline deadline) const {
  return Transactor(*core_->tables, *core_->streams).Run(scope_, body, deadline);
}

CatalogAccess Session::access() const { return {core_->backend(), scope_}; }

Result<EphemeralSession> Session::OpenEphemeral(const OpenEphemeralOptions& options) const {
  return core_->ephemeral->Open(scope_, options);
}

Result<EphemeralSession> Session::AttachEphemeral(std::string_view session_id) const {
  return core_->ephemeral->Attach(scope_, session_id);
}

AuditLog Session::audit() const { return {{core_, core_->audit.get()}, scope_}; }

Result<Offset> Session::Publish(const TopicId& topic, const std::shared_ptr<arrow::RecordBatch>& batch,
                                Deadline deadline) const {
  return core_->streams->Publish(scope_, topic, batch, deadline);
}

Result<PublishOutcome> Session::Publish(const TopicId& topic,
                                        const std::shared_ptr<arrow::RecordBatch>& batch,
                                        const PublishOptions& options, Deadline deadline) const {
  return PublishMany(topic, {&batch, 1}, options, deadline);
}

Result<PublishOutcome> Session::PublishMany(const TopicId& topic,
                                            std::span<const std::shared_ptr<arrow::RecordBatch>> batches,
                                            const PublishOptions& options, Deadline deadline) const {
  return core_->streams->PublishMany(scope_, topic, batches, options, deadline);
}

void Session::PublishAsync(const TopicId& topic, const std::shared_ptr<arrow::RecordBatch>& batch,
                           std::move_only_function<void(Result<Offset>)> done, Deadline deadline) const {
  core_->streams->PublishAsync(scope_, topic, batch, deadline, std::move(done));
}

void Session::PublishAsync(const TopicId& topic, const std::shared_ptr<arrow::RecordBatch>& batch,
                           const PublishOptions& options, PublishDone done, Deadline deadline) const {
  PublishManyAsync(topic, {&batch, 1}, options, std::move(done), deadline);
}

void Session::PublishManyAsync(const TopicId& topic,
                               std::span<const std::shared_ptr<arrow::RecordBatch>> batches,
                               const PublishOptions& options, PublishDone done, Deadline deadline) const {
  core_->streams->PublishManyAsync(scope_, topic, batches, options, deadline, std::move(done));
}

bool Session::TryPublishManyAsync(const TopicId& topic,
                                  std::span<const std::shared_ptr<arrow::RecordBatch>> batches,
                                  const PublishOptions& options, PublishDone done, Deadline deadline) const {
  return core_->streams->TryPublishManyAsync(scope_, topic, batches, options, deadline, std::move(done));
}

Result<std::unique_ptr<Subscription>> Session::Subscribe(const TopicRef& topic, From from,
                                                         SubscribeOptions options) const {
  return core_->streams->Subscribe(scope_, topic, from, std::move(options));
}

Result<EventPage> Session::ReadTopic(const TopicRef& topic, From from, const ReadOptions& options) const {
  return core_->streams->Read(scope_, topic, from, options);
}

// --- Engine -------------------------------------------------------------------------------------------

Result<std::unique_ptr<Engine>> Engine::Open(const Config& config, EngineOptions options) {
  JAMMI_TRY(config.Validate());
  Config built = config;
  if (options.broker != nullptr) built.broker = InMemoryBrokerConfig{};  // ours is not asked for
  JAMMI_TRY(CheckSupported(built));
  if (options.clock == nullptr) options.clock = Clock::System();

  auto keys = options.audit_keys == nullptr ? KeyStoreOf(config.signing_key) : options.audit_keys;
  if (config.audit.require_key) JAMMI_TRY(EnsureAuditKeyPresent(*keys));
  JAMMI_ASSIGN(auto start_forwarding, PrepareForwarding(config.events, options));

  auto core = std::make_shared<EngineCore>();
  core->session_limits = SessionLimitsOf(config.server);
  JAMMI_ASSIGN(core->catalog, OpenCatalog(config, options));
  core->broker = options.broker;
  auto trigger = TriggerOptions(config, options);
  if (core->broker == nullptr) {
    JAMMI_ASSIGN(core->broker, MakeBroker(config.broker, core->catalog->incarnation()));
    trigger.end_broker = [broker = core->broker] { CloseJetStreamBroker(*broker); };
  }
  JAMMI_ASSIGN(core->streams, Streams::Open(*core->catalog, trigger, core->broker));
  core->tables = std::make_unique<TableStore>(core->catalog->backend(), core->streams.get());
  JAMMI_ASSIGN(core->ephemeral, EphemeralSessions::Start(*core->catalog, *core->streams, *core->tables,
                                                         EphemeralOptions(config.ephemeral)));
  core->audit = std::make_unique<AuditService>(
      core->catalog->backend(), *core->streams, std::move(keys),
      AuditOptions{.max_lineage_bytes = static_cast<int64_t>(config.audit.max_lineage_bytes),
                   .clock = options.clock});
  if (start_forwarding != nullptr) core->forwarder = start_forwarding(*core->catalog);
  Log(LogLevel::kInfo, "engine open: catalog {}, incarnation {}", Describe(config),
      core->catalog->incarnation());
  return std::unique_ptr<Engine>(new Engine(std::move(core)));
}

Engine::~Engine() { Close(); }

Session Engine::ForTenant(const TenantId& tenant) const { return {core_, Scope::ForTenant(tenant)}; }

Session Engine::Global() const { return {core_, Scope::Global()}; }

JobQueue Engine::job_queue() const { return JobQueue(core_->backend()); }

SessionBindings Engine::session_bindings() const {
  return SessionBindings::Make(core_->backend(), core_->session_limits).value();  // Open() has validated them
}

void Engine::Close() {
  if (core_->forwarder != nullptr) core_->forwarder->Shutdown();
  core_->ephemeral->Shutdown();
  core_->streams->Shutdown();
  core_->catalog->Close();
}

Result<void> Engine::Ping(Deadline deadline) const { return core_->catalog->backend().Ping(deadline); }

const std::string& Engine::incarnation() const { return core_->catalog->incarnation(); }

RetentionStats Engine::retention_stats() const { return core_->streams->trimmer().stats(); }

FeedStats Engine::feed_stats() const {
  const auto& counters = core_->streams->counters();
  return {.feeds = core_->streams->feeds(),
          .pages_read = counters.pages_read,
          .pages_shared = counters.pages_shared,
          .evaluations = counters.evaluations};
}

BrokerStatus Engine::broker_status() const {
  const BrokerStatus known{.kind = core_->broker->driver_kind()};
  return JetStreamBrokerStatus(*core_->broker).value_or(known);
}

EventForwardingStatus Engine::event_forwarding() const {
  return core_->forwarder == nullptr ? EventForwardingStatus() : core_->forwarder->status();
}

BackendStats Engine::stats() const { return core_->catalog->backend().stats(); }

}  // namespace jammi
