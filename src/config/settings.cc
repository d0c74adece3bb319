#include "config/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/quantity.h"
#include "base/text.h"
#include "config/field.h"

namespace jammi {
namespace {

constexpr int64_t kMaxCount = 1'000'000'000;
constexpr int64_t kMaxSeconds = 3'153'600'000;  // a hundred years
constexpr int64_t kKiB = 1 << 10;
constexpr int64_t kGiB = 1 << 30;
constexpr int64_t kMaxBytes = int64_t{1} << 60;
constexpr int64_t kMaxEvents = int64_t{1} << 40;

#ifdef JAMMI_HAS_POSTGRES
constexpr std::string_view kPostgresRefusal;
#else
constexpr std::string_view kPostgresRefusal =
    "this build has no PostgreSQL; use catalog.kind = \"sqlite\" (the default), or configure the build with "
    "-DJAMMI_POSTGRES=ON";
#endif

#ifdef JAMMI_HAS_NATS
constexpr std::string_view kJetStreamRefusal;
#else
constexpr std::string_view kJetStreamRefusal =
    "this build has no NATS; use broker.kind = \"in_memory\" (the default), or configure the build with "
    "-DJAMMI_NATS=ON";
#endif

std::vector<TaggedSection> MakeTaggedSections() {
  std::vector<TaggedSection> sections;
  sections.push_back(
      BindSection({.key = "catalog",
                   .kinds = {{.name = "sqlite", .text = "One file, no daemon, one engine at a time."},
                             {.name = "postgres",
                              .text = "A PostgreSQL database, shared by any number of engines.",
                              .refusal = kPostgresRefusal}}},
                  &Config::catalog));
  sections.push_back(BindSection(
      {.key = "broker",
       .kinds = {{.name = "in_memory", .text = "Within this process. Needs nothing."},
                 {.name = "jet_stream",
                  .text = "NATS JetStream: events also reach subscribers of other processes and NATS users.",
                  .refusal = kJetStreamRefusal}}},
      &Config::broker));
  sections.push_back(
      BindSection({.key = "signing_key",
                   .kinds = {{.name = "env",
                              .text = "The variable JAMMI_AUDIT_MASTER_KEY holds the key; those that are "
                                      "retired and still verify are in JAMMI_AUDIT_RETIRED_KEYS, with commas "
                                      "between them."},
                             {.name = "file",
                              .text = "A file holds the keys, each on a line, oldest first: the last one "
                                      "signs, all of them verify."}}},
                  &Config::signing_key));
  sections.push_back(BindSection({.key = "storage.cloud",
                                  .kinds = {{.name = "s3", .text = "Amazon S3 and what speaks its protocol."},
                                            {.name = "gcs", .text = "Google Cloud Storage."},
                                            {.name = "azure", .text = "Azure Blob Storage."},
                                            {.name = "r2", .text = "Cloudflare R2."}}},
                                 &Config::storage, &StorageConfig::cloud));
  return sections;
}

// The setting `<section>.kind`.
Setting KindSetting(std::string_view key, bool used, std::string_view text) {
  Setting setting{.key = key, .text = text, .used = used, .type = SettingType::kChoice};
  const auto* section = FindTaggedSection(SectionOf(key));
  setting.optional = section->optional;
  for (const auto& kind : section->kinds) setting.choices.push_back(kind.name);
  setting.applies = [](const Config&) { return true; };
  setting.get = [section](const Config& config) -> std::optional<SettingValue> {
    const auto current = section->current(config);
    return current ? std::optional<SettingValue>(std::string(section->kinds[*current].name)) : std::nullopt;
  };
  setting.set = [section](Config& config, const SettingValue& value) {
    const auto& kinds = section->kinds;
    const auto at = std::ranges::find(kinds, std::get<std::string>(value), &SectionKind::name);
    section->select(config, static_cast<size_t>(at - kinds.begin()));
  };
  return setting;
}

void AddCatalog(std::vector<Setting>& all) {
  using Sqlite = SqliteCatalogConfig;
  using Postgres = PostgresCatalogConfig;
  all.push_back(KindSetting("catalog.kind", true, "Which database holds the catalog and the event log."));
  all.push_back(Bind({.key = "catalog.path",
                      .kind = "sqlite",
                      .text = "The database file. Its directory is made if it is missing.",
                      .default_text = "`{artifact_dir}/catalog.db`",
                      .format = CheckNotEmpty},
                     &Config::catalog, &Sqlite::path));
  all.push_back(
      Bind({.key = "catalog.synchronous",
            .kind = "sqlite",
            .text = "`full`: what was acknowledged is on disk. `normal`: commits are faster, but after a "
                    "power loss or a crash of the operating system the newest acknowledged events and "
                    "registrations can be gone; a crash of the process loses nothing."},
           &Config::catalog, &Sqlite::synchronous));
  all.push_back(Bind(
      {.key = "catalog.reader_connections",
       .kind = "sqlite",
       .text = "Read-only connections at most; so many reads of the database run at once. They are opened "
               "when they are needed, and take up to 2 MB each.",
       .min = 1,
       .max = 256},
      &Config::catalog, &Sqlite::reader_connections));
  all.push_back(
      Bind({.key = "catalog.group_max_work",
            .kind = "sqlite",
            .unit = "items",
            .text = "How many transactions and events one commit carries at most. More raises throughput "
                    "under load; the first of a group waits for the last.",
            .min = 1,
            .max = 1'000'000},
           &Config::catalog, &Sqlite::group_max_work));
  all.push_back(
      Bind({.key = "catalog.group_max_bytes",
            .kind = "sqlite",
            .unit = "bytes",
            .text = "How much event data one commit carries at most. A single larger event gets a commit "
                    "of its own.",
            .min = 4 * kKiB,
            .max = kGiB,
            .type = SettingType::kSize},
           &Config::catalog, &Sqlite::group_max_bytes));
  all.push_back(
      Bind({.key = "catalog.group_max_wait_us",
            .kind = "sqlite",
            .unit = "microseconds",
            .text = "How long a commit stays open for more work. It is closed earlier when nothing waits.",
            .min = 0,
            .max = 1'000'000},
           &Config::catalog, &Sqlite::group_max_wait_us));
  all.push_back(Bind({.key = "catalog.queue_limit",
                      .kind = "sqlite",
                      .unit = "items",
                      .text = "Waiting transactions and events. Beyond it a caller waits until its deadline.",
                      .min = 1,
                      .max = 10'000'000},
                     &Config::catalog, &Sqlite::queue_limit));
  all.push_back(Bind({.key = "catalog.url",
                      .kind = "postgres",
                      .text = "`postgres://user:password@host:port/database`.",
                      .format = CheckPostgresUrl,
                      .required = true},
                     &Config::catalog, &Postgres::url));
  all.push_back(Bind({.key = "catalog.pool_size",
                      .kind = "postgres",
                      .text = "Connections at most.",
                      .min = 1,
                      .max = 10'000},
                     &Config::catalog, &Postgres::pool_size));
  all.push_back(Bind({.key = "catalog.max_lifetime_secs",
                      .kind = "postgres",
                      .unit = "seconds",
                      .text = "A connection older than this is replaced.",
                      .default_text = "not set: connections are kept",
                      .min = 1,
                      .max = kMaxSeconds},
                     &Config::catalog, &Postgres::max_lifetime_secs));
}

void AddBroker(std::vector<Setting>& all) {
  using JetStream = JetStreamBrokerConfig;
  all.push_back(KindSetting("broker.kind", true, "How a published event reaches subscribers."));
  all.push_back(
      Bind({.key = "broker.url",
            .kind = "jet_stream",
            .text = "`nats://host:4222`; several servers with commas between them; `tls://` asks for "
                    "TLS; `user:password@` or `token@` may stand before the host, percent-encoded.",
            .format = CheckNotEmpty,
            .required = true},
           &Config::broker, &JetStream::url));
  all.push_back(Bind({.key = "broker.retention_seconds",
                      .kind = "jet_stream",
                      .unit = "seconds",
                      .text = "How long NATS keeps a message; 0 = without end. A topic's broker metadata "
                              "`retention_seconds` wins. The event log is not affected.",
                      .min = 0,
                      .max = kMaxSeconds},
                     &Config::broker, &JetStream::retention_seconds));
  all.push_back(Bind({.key = "broker.credentials_path",
                      .kind = "jet_stream",
                      .text = "A NATS `.creds` file.",
                      .default_text = "not set: anonymous",
                      .format = CheckNotEmpty},
                     &Config::broker, &JetStream::credentials_path));
  all.push_back(Bind({.key = "broker.tls_authority_path",
                      .kind = "jet_stream",
                      .text = "Who signed the server's certificate, PEM. Setting it asks for TLS.",
                      .default_text = "not set: whom the system trusts",
                      .format = CheckNotEmpty},
                     &Config::broker, &JetStream::tls_authority_path));
  all.push_back(Bind({.key = "broker.tls_certificate_path",
                      .kind = "jet_stream",
                      .text = "A certificate of our own, PEM, for a server that asks for one.",
                      .default_text = "not set: none is shown",
                      .format = CheckNotEmpty},
                     &Config::broker, &JetStream::tls_certificate_path));
  all.push_back(Bind({.key = "broker.tls_key_path",
                      .kind = "jet_stream",
                      .text = "The key of `broker.tls_certificate_path`, PEM.",
                      .default_text = "not set",
                      .format = CheckNotEmpty},
                     &Config::broker, &JetStream::tls_key_path));
}

void AddTrigger(std::vector<Setting>& all) {
  all.push_back(
      Bind({.key = "trigger.ring_bytes",
            .unit = "bytes",
            .text = "Newest events of each topic in use that are kept in memory, shared by its subscribers. "
                    "A subscriber that falls behind it reads from the database.",
            .min = kKiB,
            .max = 64 * kGiB,
            .type = SettingType::kSize},
           &Config::trigger, &TriggerConfig::ring_bytes));
  all.push_back(
      Bind({.key = "trigger.page_bytes",
            .unit = "bytes",
            .text = "How much a subscriber that is behind reads from the database at a time; one event at "
                    "least.",
            .min = kKiB,
            .max = kGiB,
            .type = SettingType::kSize},
           &Config::trigger, &TriggerConfig::page_bytes));
  all.push_back(Bind({.key = "trigger.page_events",
                      .unit = "events",
                      .text = "How many events such a page holds at most.",
                      .min = 1,
                      .max = 1'000'000},
                     &Config::trigger, &TriggerConfig::page_events));
  all.push_back(Bind(
      {.key = "trigger.page_cache_bytes",
       .unit = "bytes",
       .text = "Such pages of each topic in use that are kept in memory for a short time while two or more "
               "subscribers are behind, so that each is read once; 0 keeps none.",
       .min = 0,
       .max = 64 * kGiB,
       .type = SettingType::kSize},
      &Config::trigger, &TriggerConfig::page_cache_bytes));
  all.push_back(Bind({.key = "trigger.max_batch_bytes",
                      .unit = "bytes",
                      .text = "A published batch that is larger, as stored, is refused.",
                      .min = kKiB,
                      .max = 512 << 20,
                      .type = SettingType::kSize},
                     &Config::trigger, &TriggerConfig::max_batch_bytes));
  all.push_back(
      Bind({.key = "trigger.page_loader_threads",
            .text = "Threads that read pages for subscribers which do not wait in a thread of their own.",
            .min = 1,
            .max = 256},
           &Config::trigger, &TriggerConfig::page_loader_threads));
}

void AddRetention(std::vector<Setting>& all) {
  const auto bind = [&](Setting setting, auto field) {
    all.push_back(Bind(std::move(setting), &Config::trigger, &TriggerConfig::retention, field));
  };
  bind({.key = "trigger.retention.max_age_secs",
        .unit = "seconds",
        .text = "An event that is older goes; 0 = without limit.",
        .min = 0,
        .max = kMaxSeconds},
       &RetentionConfig::max_age_secs);
  bind({.key = "trigger.retention.max_bytes",
        .unit = "bytes",
        .text = "Bytes of a topic's events, as stored; 0 = without limit. The newest event stays, however "
                "large it is.",
        .min = 0,
        .max = kMaxBytes,
        .type = SettingType::kSize},
       &RetentionConfig::max_bytes);
  bind({.key = "trigger.retention.max_events",
        .unit = "events",
        .text = "Events of a topic; 0 = without limit.",
        .min = 0,
        .max = kMaxEvents},
       &RetentionConfig::max_events);
  bind({.key = "trigger.retention.keep_for_consumers",
        .text = "What a named consumer of the topic's owner has not acknowledged stays, whatever the limits "
                "say; a consumer that nobody reads for any more then keeps all of the log."},
       &RetentionConfig::keep_for_consumers);
  bind({.key = "trigger.retention.trim_interval_ms",
        .unit = "milliseconds",
        .text = "How often topics are looked at for events that are beyond a limit, a quarter more or less. "
                "A look costs a pass over the topics.",
        .min = 10,
        .max = 86'400'000},
       &RetentionConfig::trim_interval_ms);
}

void AddEphemeral(std::vector<Setting>& all) {
  all.push_back(
      Bind({.key = "ephemeral.sweep_interval_ms",
            .unit = "milliseconds",
            .text = "How often this engine looks for sessions whose end has come, a quarter more or "
                    "less. A look that finds none is one read by an index.",
            .min = 10,
            .max = 86'400'000},
           &Config::ephemeral, &EphemeralConfig::sweep_interval_ms));
  all.push_back(
      Bind({.key = "ephemeral.lease_ms",
            .unit = "milliseconds",
            .text = "How long the sessions of an engine outlive it, when it dies and another one "
                    "works on the catalog. While it lives it renews their lease at a third of this.",
            .min = 1000,
            .max = 86'400'000},
           &Config::ephemeral, &EphemeralConfig::lease_ms));
}

void AddEvents(std::vector<Setting>& all) {
  const auto bind = [&](Setting setting, auto field) {
    all.push_back(Bind(std::move(setting), &Config::events, field));
  };
  bind({.key = "events.enabled",
        .text = "Whether anything is forwarded. One engine at a time does it for each topic; where several "
                "work on one catalog, another goes on when one ends."},
       &EventsConfig::enabled);
  bind(
      {.key = "events.lifecycle",
       .text = "Forwards what happens to the catalog: a topic, model or other thing was registered, changed, "
               "deleted or recovered, a record was added to the audit log."},
      &EventsConfig::lifecycle);
  bind(
      {.key = "events.topics",
       .text = "Topics whose rows are forwarded, by name, whoever owns them; `*` at the end of a name stands "
               "for any ending. Topics of the engine's own begin with `jammi.` and are meant only by names "
               "that do. Forwarding begins with the oldest event that the log still has."},
      &EventsConfig::topics);
  bind({.key = "events.url",
        .text = "The NATS server, as `broker.url`; needed where `enabled` is `true`.",
        .format = CheckNotEmpty},
       &EventsConfig::url);
  bind({.key = "events.subject",
        .text = "Where the events go; `{tenantId}` stands for the tenant concerned, `single` where there is "
                "none. A stream of JetStream must cover it.",
        .format = CheckNotEmpty},
       &EventsConfig::subject);
  bind({.key = "events.source",
        .text = "The beginning of every event's `source`; the catalog's incarnation follows, behind a `/`.",
        .format = CheckNotEmpty},
       &EventsConfig::source);
  bind({.key = "events.credentials_path",
        .text = "A NATS `.creds` file.",
        .default_text = "not set: anonymous",
        .format = CheckNotEmpty},
       &EventsConfig::credentials_path);
  bind({.key = "events.tls_authority_path",
        .text = "As `broker.tls_authority_path`.",
        .default_text = "not set: whom the system trusts",
        .format = CheckNotEmpty},
       &EventsConfig::tls_authority_path);
  bind({.key = "events.tls_certificate_path",
        .text = "As `broker.tls_certificate_path`.",
        .default_text = "not set: none is shown",
        .format = CheckNotEmpty},
       &EventsConfig::tls_certificate_path);
  bind({.key = "events.tls_key_path",
        .text = "The key of `events.tls_certificate_path`, PEM.",
        .default_text = "not set",
        .format = CheckNotEmpty},
       &EventsConfig::tls_key_path);
  bind({.key = "events.dead_letter_path",
        .text = "A directory that gets the events which can never be sent: too large, or refused by the "
                "server. They are logged and counted in any case.",
        .default_text = "not set: they are left out",
        .format = CheckNotEmpty},
       &EventsConfig::dead_letter_path);
  bind({.key = "events.window",
        .unit = "events",
        .text = "How many events wait for their acknowledgement at most. With 1 an event is sent when the "
                "one before it was acknowledged.",
        .min = 1,
        .max = 65'536},
       &EventsConfig::window);
}

void AddQuotas(std::vector<Setting>& all) {
  all.push_back(Bind({.key = "quotas.max_topics",
                      .unit = "topics",
                      .text = "Topics that a tenant may have.",
                      .min = 0,
                      .max = kMaxCount},
                     &Config::quotas, &QuotaConfig::max_topics));
  all.push_back(Bind({.key = "quotas.max_bytes",
                      .unit = "bytes",
                      .text = "Retained events of all topics that a tenant owns. What other replicas publish "
                              "and what is trimmed counts a second later.",
                      .min = 0,
                      .max = kMaxBytes,
                      .type = SettingType::kSize},
                     &Config::quotas, &QuotaConfig::max_bytes));
  all.push_back(
      Bind({.key = "quotas.events_per_second",
            .unit = "events",
            .text = "That a tenant may publish through this process, to whatever topics; as many at "
                    "once, after a pause. Each replica counts for itself.",
            .min = 0,
            .max = kMaxCount},
           &Config::quotas, &QuotaConfig::events_per_second));
  all.push_back(Bind({.key = "quotas.bytes_per_second",
                      .unit = "bytes",
                      .text = "The same of bytes, as stored. An event that is larger passes when nothing was "
                              "published for a second, and is waited for afterwards.",
                      .min = 0,
                      .max = kMaxBytes,
                      .type = SettingType::kSize},
                     &Config::quotas, &QuotaConfig::bytes_per_second));
  all.push_back(
      Bind({.key = "quotas.tenants",
            .text = "What single tenants have instead, by their id: `[quotas.tenants.\"6f9619ff-...\"]` with "
                    "any of the keys above. A key that is absent there is as for everybody.",
            .min = 0,
            .max = kMaxBytes,
            .format = CheckTenant},
           &Config::quotas, &QuotaConfig::tenants));
}

void AddWork(std::vector<Setting>& all) {
  all.push_back(Bind({.key = "engine.execution_threads",
                      .text = "Partitions that a query runs in.",
                      .default_text = "the CPUs this process may use; 4 if that is unknown",
                      .min = 1,
                      .max = 4096,
                      .used = false},
                     &Config::engine, &EngineConfig::execution_threads));
  all.push_back(Bind({.key = "engine.memory_limit",
                      .text = "Memory for queries: `auto`, a share of the machine's, or a size.",
                      .format = CheckMemoryLimit,
                      .used = false},
                     &Config::engine, &EngineConfig::memory_limit));
  all.push_back(Bind({.key = "engine.batch_size",
                      .unit = "rows",
                      .text = "Rows in a record batch that a query returns.",
                      .min = 1,
                      .max = 1 << 24,
                      .used = false},
                     &Config::engine, &EngineConfig::batch_size));

  all.push_back(Bind(
      {.key = "gpu.device", .text = "Number of the GPU; -1 = CPU.", .min = -1, .max = 1024, .used = false},
      &Config::gpu, &GpuConfig::device));
  all.push_back(Bind({.key = "gpu.memory_limit",
                      .text = "GPU memory for models: `auto`, a share, or a size.",
                      .format = CheckMemoryLimit,
                      .used = false},
                     &Config::gpu, &GpuConfig::memory_limit));
  all.push_back(Bind({.key = "gpu.memory_fraction",
                      .text = "Share of the GPU's memory that may be filled.",
                      .float_max = 1,
                      .used = false},
                     &Config::gpu, &GpuConfig::memory_fraction));
  all.push_back(Bind({.key = "gpu.require_gpu",
                      .text = "Without a GPU: refuse to start rather than use the CPU.",
                      .used = false},
                     &Config::gpu, &GpuConfig::require_gpu));
  all.push_back(Bind({.key = "gpu.compute_precision",
                      .text = "Numbers that models compute with; `bf16` needs CUDA capability 8.0.",
                      .used = false},
                     &Config::gpu, &GpuConfig::compute_precision));

  all.push_back(Bind(
      {.key = "inference.default_backend", .text = "What runs a model that names no backend.", .used = false},
      &Config::inference, &InferenceConfig::default_backend));
  all.push_back(Bind({.key = "inference.batch_size",
                      .unit = "texts",
                      .text = "Inputs that a model gets at once.",
                      .min = 1,
                      .max = 1 << 20,
                      .used = false},
                     &Config::inference, &InferenceConfig::batch_size));
  all.push_back(Bind({.key = "inference.batch_timeout_secs",
                      .unit = "seconds",
                      .text = "How long a batch may take.",
                      .min = 1,
                      .max = kMaxSeconds,
                      .used = false},
                     &Config::inference, &InferenceConfig::batch_timeout_secs));
  all.push_back(Bind({.key = "inference.max_loaded_models",
                      .text = "Models kept in memory; 0 = no limit.",
                      .min = 0,
                      .max = kMaxCount,
                      .used = false},
                     &Config::inference, &InferenceConfig::max_loaded_models));
  all.push_back(Bind({.key = "inference.http.timeout_secs",
                      .unit = "seconds",
                      .text = "How long a request to a model server may take.",
                      .min = 1,
                      .max = kMaxSeconds,
                      .used = false},
                     &Config::inference, &InferenceConfig::http, &HttpInferenceConfig::timeout_secs));
  all.push_back(Bind({.key = "inference.http.headers",
                      .text = "Headers of every such request. The values are treated as secrets.",
                      .secret = true,
                      .used = false},
                     &Config::inference, &InferenceConfig::http, &HttpInferenceConfig::headers));
}

void AddEmbedding(std::vector<Setting>& all) {
  all.push_back(Bind({.key = "embedding.default_distance_metric",
                      .text = "Distance of a vector column that names none.",
                      .used = false},
                     &Config::embedding, &EmbeddingConfig::default_distance_metric));
  all.push_back(Bind({.key = "embedding.default_index_type",
                      .text = "Index of a vector column that names none.",
                      .used = false},
                     &Config::embedding, &EmbeddingConfig::default_index_type));
  all.push_back(Bind({.key = "embedding.checkpoint_interval",
                      .unit = "rows",
                      .text = "A running embedding job saves its progress so often.",
                      .min = 1,
                      .max = kMaxCount,
                      .used = false},
                     &Config::embedding, &EmbeddingConfig::checkpoint_interval));
  const auto ann = [&all](Setting setting, auto member) {
    setting.used = false;
    all.push_back(Bind(std::move(setting), &Config::embedding, &EmbeddingConfig::ann, member));
  };
  ann({.key = "embedding.ann.connectivity",
       .text = "Edges per node of the graph; 0 = the library's choice.",
       .min = 0,
       .max = 4096},
      &AnnConfig::connectivity);
  ann({.key = "embedding.ann.build_expansion",
       .text = "Candidates looked at while building; 0 = the library's choice.",
       .min = 0,
       .max = 1'000'000},
      &AnnConfig::build_expansion);
  ann({.key = "embedding.ann.search_expansion",
       .text = "Candidates looked at while searching; 0 = the library's choice.",
       .min = 0,
       .max = 1'000'000},
      &AnnConfig::search_expansion);
  ann({.key = "embedding.ann.storage_precision",
       .text = "Numbers in the graph. All but `f32` are approximate, and hits are scored again."},
      &AnnConfig::storage_precision);
  ann({.key = "embedding.ann.oversample",
       .text = "Candidates fetched per result wanted, before they are scored again; 0 counts as 1.",
       .default_text = "not set: 32 for `binary`, else 4",
       .min = 0,
       .max = 1'000'000},
      &AnnConfig::oversample);
}

void AddTraining(std::vector<Setting>& all) {
  const auto tuning = [&all](Setting setting, auto member) {
    setting.used = false;
    all.push_back(Bind(std::move(setting), &Config::fine_tuning, member));
  };
  tuning({.key = "fine_tuning.default_lora_rank", .text = "Rank of the adapter.", .min = 1, .max = 65'536},
         &FineTuningConfig::default_lora_rank);
  tuning({.key = "fine_tuning.default_learning_rate", .text = "Learning rate.", .float_max = 1},
         &FineTuningConfig::default_learning_rate);
  tuning({.key = "fine_tuning.default_epochs", .text = "Passes over the data.", .min = 1, .max = 1'000'000},
         &FineTuningConfig::default_epochs);
  tuning({.key = "fine_tuning.default_batch_size",
          .unit = "examples",
          .text = "Examples in one step.",
          .min = 1,
          .max = 1 << 20},
         &FineTuningConfig::default_batch_size);
  tuning({.key = "fine_tuning.checkpoint_fraction",
          .text = "A checkpoint after each such share of a run.",
          .float_max = 1,
          .zero_allowed = true},
         &FineTuningConfig::checkpoint_fraction);

  const auto training = [&all](Setting setting, auto member) {
    setting.unit = "seconds";
    setting.min = 1;
    setting.max = kMaxSeconds;
    setting.used = false;
    all.push_back(Bind(std::move(setting), &Config::training, member));
  };
  training(
      {.key = "training.lease_duration_secs",
       .text =
           "A worker that has not been heard of for so long loses its job. More than twice the heartbeat."},
      &TrainingConfig::lease_duration_secs);
  training({.key = "training.heartbeat_interval_secs", .text = "How often a worker renews its lease."},
           &TrainingConfig::heartbeat_interval_secs);
  training({.key = "training.idle_poll_secs", .text = "How often an idle worker looks for a job."},
           &TrainingConfig::idle_poll_secs);

  const auto cache = [&all](Setting setting, auto member) {
    setting.used = false;
    all.push_back(Bind(std::move(setting), &Config::cache, member));
  };
  cache({.key = "cache.ann_cache_enabled", .text = "Remember the results of vector searches."},
        &CacheConfig::ann_cache_enabled);
  cache({.key = "cache.ann_cache_max_entries", .text = "How many of them.", .min = 0, .max = kMaxCount},
        &CacheConfig::ann_cache_max_entries);
  cache({.key = "cache.embedding_cache_enabled", .text = "Remember the embeddings of texts."},
        &CacheConfig::embedding_cache_enabled);
  cache({.key = "cache.embedding_cache_size",
         .unit = "bytes",
         .text = "How much of them.",
         .min = 0,
         .max = int64_t{1} << 50,
         .type = SettingType::kSize},
        &CacheConfig::embedding_cache_size);
}

void AddServer(std::vector<Setting>& all) {
  const auto server = [&all](Setting setting, auto member) {
    all.push_back(Bind(std::move(setting), &Config::server, member));
  };
  server(
      {.key = "server.health_listen",
       .text = "Numeric address and port of `/healthz`, `/readyz` and `/metrics`. `0.0.0.0` opens it to the "
               "network; port 0 takes any free one.",
       .format = CheckAddress},
      &ServerConfig::health_listen);
  server({.key = "server.flight_listen",
          .text = "Numeric address and port of gRPC and Flight SQL, likewise.",
          .format = CheckAddress},
         &ServerConfig::flight_listen);
  server({.key = "server.preload_models", .text = "Models loaded at the start.", .used = false},
         &ServerConfig::preload_models);
  server(
      {.key = "server.services",
       .text =
           "`\"all\"`, or a list of the optional tiers `train`, `event` and `eval`; `core` is always there, "
           "and `[]` means nothing else. In the variable: `all`, or names with commas between them."},
      &ServerConfig::services);
  server({.key = "server.max_message_bytes",
          .unit = "bytes",
          .text = "A request that is larger is refused, and a unary reply that would be.",
          .min = 64 * kKiB,
          .max = kGiB,
          .type = SettingType::kSize},
         &ServerConfig::max_message_bytes);
  server({.key = "server.max_incoming_bytes",
          .unit = "bytes",
          .text = "What requests that are being received or worked on may take, of all clients together, "
                  "with what their connections need; never less than two of `max_message_bytes`. When it is "
                  "more, calls end with RESOURCE_EXHAUSTED, and idle connections are closed.",
          .min = 64 * kKiB,
          .max = 1024 * kGiB,
          .type = SettingType::kSize},
         &ServerConfig::max_incoming_bytes);
  server(
      {.key = "server.handler_threads",
       .unit = "threads",
       .text =
           "Calls that wait for the database or a disk, at a time. A subscription takes one while it begins; "
           "publishing to a topic that is in use takes none.",
       .min = 1,
       .max = 1024},
      &ServerConfig::handler_threads);
  server({.key = "server.max_waiting_calls",
          .unit = "calls",
          .text = "How many calls wait for such a thread; one more is refused with RESOURCE_EXHAUSTED.",
          .min = 1,
          .max = 1'000'000},
         &ServerConfig::max_waiting_calls);
  server({.key = "server.max_streams",
          .unit = "streams",
          .text = "Open subscriptions, of all clients together; of one tenant or principal half of them.",
          .min = 1,
          .max = 1'000'000},
         &ServerConfig::max_streams);
  server({.key = "server.drain_secs",
          .unit = "seconds",
          .text = "How long calls that are under way may take when the server is asked to stop.",
          .min = 0,
          .max = 86'400},
         &ServerConfig::drain_secs);
  server({.key = "server.session_idle_secs",
          .unit = "seconds",
          .text = "A session that has been idle for so long has lost its tenant, and is told so.",
          .min = 1,
          .max = 315'360'000},
         &ServerConfig::session_idle_secs);
  server({.key = "server.max_sessions",
          .unit = "sessions",
          .text = "How many sessions have a tenant at a time.",
          .min = 1,
          .max = kMaxCount},
         &ServerConfig::max_sessions);
  server({.key = "server.allow_anonymous",
          .text = "Serves everybody who can reach it, on any address. Without it, `token_path` and "
                  "`tls_client_authority_path`, only loopback addresses are listened on."},
         &ServerConfig::allow_anonymous);
  server(
      {.key = "server.token_path",
       .text =
           "A file of hashed tokens: who may call, as which tenant, with which role; read again at SIGHUP.",
       .default_text = "not set: everybody may do everything",
       .format = CheckNotEmpty},
      &ServerConfig::token_path);
  server({.key = "server.tls_certificate_path",
          .text = "The server's certificate, and those that signed it, PEM; read again at SIGHUP.",
          .default_text = "not set: no TLS",
          .format = CheckNotEmpty},
         &ServerConfig::tls_certificate_path);
  server({.key = "server.tls_key_path",
          .text = "The key of `server.tls_certificate_path`, PEM.",
          .default_text = "not set",
          .format = CheckNotEmpty},
         &ServerConfig::tls_key_path);
  server({.key = "server.tls_client_authority_path",
          .text = "Clients must show a certificate that one of these signed, PEM.",
          .default_text = "not set: clients need no certificate",
          .format = CheckNotEmpty},
         &ServerConfig::tls_client_authority_path);
  server({.key = "server.backup_path",
          .text = "The directory that gets the backups which clients ask for.",
          .default_text = "not set: clients cannot ask for one",
          .format = CheckNotEmpty},
         &ServerConfig::backup_path);
  all.push_back(Bind({.key = "logging.level",
                      .text = "`trace`, `debug`, `info`, `warn`, `error` or `off`; or a list such as "
                              "`info,jammi::rpc=debug`, which has a line for each call of the server.",
                      .format = CheckLogFilter},
                     &Config::logging, &LoggingConfig::level));
  all.push_back(Bind({.key = "logging.format", .text = "Form of a log line."}, &Config::logging,
                     &LoggingConfig::format));
  all.push_back(KindSetting("signing_key.kind", true,
                            "Where the audit log's master keys come from: 64 hexadecimal digits each."));
  all.push_back(Bind({.key = "signing_key.path",
                      .kind = "file",
                      .text = "The file. Not everybody may read it, and only its owner may write it. It is "
                              "read again when it has changed.",
                      .format = CheckNotEmpty,
                      .required = true},
                     &Config::signing_key, &FileSigningKeyConfig::path));
  all.push_back(Bind({.key = "audit.max_lineage_bytes",
                      .unit = "bytes",
                      .text = "How long the lineage of one record may be, as compact JSON. The variable "
                              "`JAMMI_AUDIT_MAX_LINEAGE_BYTES`, read at every call, has precedence.",
                      .min = 0,
                      .max = 16 * kKiB * kKiB,
                      .type = SettingType::kSize},
                     &Config::audit, &AuditConfig::max_lineage_bytes));
  all.push_back(Bind({.key = "audit.require_key",
                      .text = "Without a usable key the engine does not open. Off, it opens, and what needs "
                              "the key fails."},
                     &Config::audit, &AuditConfig::require_key));
}

// The credentials of one cloud: every field may be absent.
template <class Cloud>
class CloudSettings {
 public:
  CloudSettings(std::vector<Setting>& all, std::string_view kind) : all_(all), kind_(kind) {}
  template <class Member>
  void Add(std::string_view key, std::string_view text, Member member) {
    all_.push_back(Bind({.key = key, .kind = kind_, .text = text, .format = CheckNotEmpty, .used = false},
                        &Config::storage, &StorageConfig::cloud, member));
  }

 private:
  std::vector<Setting>& all_;
  std::string_view kind_;
};

void AddStorage(std::vector<Setting>& all) {
  all.push_back(
      Bind({.key = "storage.result_root",
            .text = "Where result tables go, with model artifacts under `models/`: a path, or a URL such as "
                    "`s3://bucket/prefix`.",
            .default_text = "not set: under `{artifact_dir}/jammi_db`",
            .format = CheckStorageUrl,
            .used = false},
           &Config::storage, &StorageConfig::result_root));
  all.push_back(
      KindSetting("storage.cloud.kind", false, "Which cloud the credentials of this section are for."));
  constexpr std::string_view kPlainHttp = "Allow unencrypted HTTP; for local test servers.";

  CloudSettings<S3CloudConfig> s3(all, "s3");
  s3.Add("storage.cloud.region", "Region of the buckets.", &S3CloudConfig::region);
  s3.Add("storage.cloud.endpoint", "URL of another server that speaks S3.", &S3CloudConfig::endpoint);
  s3.Add("storage.cloud.access_key_id", "With `secret_access_key`, or neither.",
         &S3CloudConfig::access_key_id);
  s3.Add("storage.cloud.secret_access_key", "The key's secret.", &S3CloudConfig::secret_access_key);
  s3.Add("storage.cloud.session_token", "For temporary keys.", &S3CloudConfig::session_token);
  s3.Add("storage.cloud.allow_http", kPlainHttp, &S3CloudConfig::allow_http);

  CloudSettings<GcsCloudConfig> gcs(all, "gcs");
  gcs.Add("storage.cloud.service_account_json", "The service account's key itself; not with the path.",
          &GcsCloudConfig::service_account_json);
  gcs.Add("storage.cloud.service_account_path", "A file with the service account's key.",
          &GcsCloudConfig::service_account_path);

  CloudSettings<AzureCloudConfig> azure(all, "azure");
  azure.Add("storage.cloud.account_name", "Storage account; needed with any other field.",
            &AzureCloudConfig::account_name);
  azure.Add("storage.cloud.account_key", "The account's key; not with `sas_token`.",
            &AzureCloudConfig::account_key);
  azure.Add("storage.cloud.sas_token", "A shared access signature.", &AzureCloudConfig::sas_token);
  azure.Add("storage.cloud.tenant_id", "With `client_id` and `client_secret`, or none of them.",
            &AzureCloudConfig::tenant_id);
  azure.Add("storage.cloud.client_id", "Application.", &AzureCloudConfig::client_id);
  azure.Add("storage.cloud.client_secret", "The application's secret.", &AzureCloudConfig::client_secret);

  CloudSettings<R2CloudConfig> r2(all, "r2");
  r2.Add("storage.cloud.account_id", "Cloudflare account; this or `endpoint`.", &R2CloudConfig::account_id);
  r2.Add("storage.cloud.endpoint", "URL of the service; by default made from `account_id`.",
         &R2CloudConfig::endpoint);
  r2.Add("storage.cloud.access_key_id", "With `secret_access_key`, or neither.",
         &R2CloudConfig::access_key_id);
  r2.Add("storage.cloud.secret_access_key", "The key's secret.", &R2CloudConfig::secret_access_key);
  r2.Add("storage.cloud.allow_http", kPlainHttp, &R2CloudConfig::allow_http);
}

std::vector<Setting> MakeSettings() {
  std::vector<Setting> all;
  all.push_back(
      Bind({.key = "artifact_dir",
            .text = "Local directory of all state. Made if it is missing.",
            .default_text = "the platform's data directory (`$XDG_DATA_HOME/jammi`, `~/.local/share/jammi`), "
                            "else `.jammi`",
            .format = CheckNotEmpty},
           &Config::artifact_dir));
  AddCatalog(all);
  AddBroker(all);
  AddTrigger(all);
  AddRetention(all);
  AddQuotas(all);
  AddEphemeral(all);
  AddEvents(all);
  AddWork(all);
  AddEmbedding(all);
  AddTraining(all);
  AddServer(all);
  AddStorage(all);
  return all;
}

constexpr auto kSections = std::to_array<SectionInfo>({
    {"catalog",
     "The database that holds models, topics and the event log. Without this section: SQLite in the "
     "artifact directory."},
    {"broker",
     "What tells subscribers that an event was published. The log in the catalog is the truth; a broker "
     "only makes it fast."},
    {"trigger", "Publishing and subscribing."},
    {"trigger.retention",
     "How long the log keeps the events of topics that have no settings of their own. Nothing goes by "
     "default."},
    {"quotas",
     "What each tenant may use; 0 = without limit. Nothing is limited by default, and the global scope "
     "never is."},
    {"ephemeral", "Ephemeral sessions: tables of a tenant that go when their session ends."},
    {"events",
     "What the engine forwards as CloudEvents to a stream of NATS JetStream: chosen topics, and what happens "
     "to the catalog. Nothing by default."},
    {"engine", "Queries."},
    {"gpu", "The graphics processor that models run on."},
    {"inference", "Running models."},
    {"inference.http", "Models behind an HTTP server."},
    {"embedding", "Vector columns."},
    {"embedding.ann", "The graph for vector search."},
    {"fine_tuning", "Defaults of a fine-tuning job."},
    {"training", "How training workers share jobs."},
    {"cache", "What is remembered between requests."},
    {"server", "Addresses and services of the server."},
    {"logging", "The log of a program. A program that embeds the library decides itself."},
    {"signing_key", "The keys of the signed audit log."},
    {"audit", "The signed audit log of searches."},
    {"storage", "Where result tables and model artifacts lie."},
    {"storage.cloud",
     "Credentials for cloud storage. What is absent is taken from the provider's own environment "
     "(`AWS_*`, `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_*`)."},
});

OrComplaint<void> CheckTiers(const Setting& setting, const TextList& tiers) {
  for (const auto& tier : tiers) {
    if (std::ranges::find(setting.choices, tier) != setting.choices.end()) continue;
    const bool all = tier == "all";
    return std::unexpected(Complaint{
        all ? "\"all\" stands alone, not in a list"
            : fmt::format("unknown tier '{}'; known are {}", tier, fmt::join(setting.choices, ", ")),
        all ? "" : Nearest(tier, setting.choices)});
  }
  return {};
}

OrComplaint<void> CheckLimits(const Setting& setting, const LimitTables& tables) {
  for (const auto& [name, limits] : tables) {
    if (auto complaint = setting.format(name); !complaint.empty()) {
      return std::unexpected(Complaint{std::move(complaint), {}});
    }
    for (const auto& [limit, number] : limits) {
      if (std::ranges::find(setting.choices, limit) == setting.choices.end()) {
        return std::unexpected(Complaint{fmt::format("unknown key '{}' of '{}'; known are {}", limit, name,
                                                     fmt::join(setting.choices, ", ")),
                                         Nearest(limit, setting.choices)});
      }
      if (number >= setting.min && number <= setting.max) continue;
      return std::unexpected(Complaint{fmt::format("{} of '{}' must be {} to {}, and is {}", limit, name,
                                                   setting.min, setting.max, number),
                                       {}});
    }
  }
  return {};
}

bool HasZero(std::string_view text) { return text.find('\0') != std::string_view::npos; }

// A zero byte ends a text for the system calls that it goes to: they would see another one.
bool HasZero(const SettingValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return HasZero(std::string_view(*text));
  if (const auto* list = std::get_if<TextList>(&value)) {
    return std::ranges::any_of(*list, [](const auto& item) { return HasZero(std::string_view(item)); });
  }
  const auto* map = std::get_if<TextMap>(&value);
  return map != nullptr && std::ranges::any_of(*map, [](const auto& item) {
           return HasZero(std::string_view(item.first)) || HasZero(std::string_view(item.second));
         });
}

std::string NumberText(const Setting& setting, int64_t number) {
  return setting.type == SettingType::kSize ? FormatSize(number) : fmt::format("{}", number);
}

}  // namespace

std::span<const TaggedSection> AllTaggedSections() {
  static const auto sections = MakeTaggedSections();
  return sections;
}

const TaggedSection* FindTaggedSection(std::string_view key) {
  const auto sections = AllTaggedSections();
  const auto at = std::ranges::find(sections, key, &TaggedSection::key);
  return at == sections.end() ? nullptr : &*at;
}

std::span<const Setting> AllSettings() {
  static const auto settings = MakeSettings();
  return settings;
}

std::span<const SectionInfo> AllSections() { return kSections; }

std::string_view SectionOf(std::string_view key) {
  const size_t dot = key.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : key.substr(0, dot);
}

std::string_view LastName(std::string_view key) { return key.substr(key.rfind('.') + 1); }  // npos + 1 == 0

bool IsSection(std::string_view key) {
  return std::ranges::find(kSections, key, &SectionInfo::key) != kSections.end();
}

std::string NearestKey(std::string_view unknown) {
  std::vector<std::string_view> near;
  std::set<std::string_view> elsewhere;
  const auto consider = [&](std::string_view key) {
    if (SectionOf(key) == SectionOf(unknown)) near.push_back(key);
    if (LastName(key) == LastName(unknown)) elsewhere.insert(key);
  };
  for (const auto& setting : AllSettings()) consider(setting.key);
  for (const auto& section : AllSections()) consider(section.key);
  std::vector<std::string_view> names;
  names.reserve(near.size());
  for (const auto key : near) names.push_back(LastName(key));
  if (const auto name = Nearest(LastName(unknown), names); !name.empty()) {
    return std::string(near[static_cast<size_t>(std::ranges::find(names, name) - names.begin())]);
  }
  return elsewhere.size() == 1 ? std::string(*elsewhere.begin()) : std::string();
}

std::string EnvironmentName(const Setting& setting) {
  if (setting.type == SettingType::kTextMap || setting.type == SettingType::kLimits) return {};
  std::string name = "JAMMI_";
  for (const char c : setting.key) {
    if (c == '.') {
      name += "__";
    } else {
      name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
  }
  return name;
}

std::string RangeText(const Setting& setting) {
  if (setting.type == SettingType::kInteger || setting.type == SettingType::kSize) {
    return fmt::format("{} to {}", NumberText(setting, setting.min), NumberText(setting, setting.max));
  }
  if (setting.type == SettingType::kFloat) {
    return fmt::format("{} {} to {}", setting.zero_allowed ? "from" : "above", 0, setting.float_max);
  }
  if (setting.type == SettingType::kChoice) return fmt::format("one of {}", fmt::join(setting.choices, ", "));
  return {};
}

OrComplaint<void> CheckValue(const Setting& setting, const SettingValue& value) {
  const auto refuse = [](std::string text, std::string suggestion = {}) {
    return std::unexpected(Complaint{std::move(text), std::move(suggestion)});
  };
  if (HasZero(value)) return refuse("must not contain a zero byte");
  if (const auto* number = std::get_if<int64_t>(&value)) {
    if (*number >= setting.min && *number <= setting.max) return {};
    return refuse(fmt::format("must be {}, and is {}", RangeText(setting), NumberText(setting, *number)));
  }
  if (const auto* number = std::get_if<double>(&value)) {
    const bool low = setting.zero_allowed ? *number >= 0 : *number > 0;
    if (low && *number <= setting.float_max) return {};  // never true for NaN
    return refuse(fmt::format("must be {}, and is {}", RangeText(setting), *number));
  }
  if (const auto* list = std::get_if<TextList>(&value)) {
    if (setting.type == SettingType::kServices) return CheckTiers(setting, *list);
    return {};
  }
  if (const auto* tables = std::get_if<LimitTables>(&value)) return CheckLimits(setting, *tables);
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return {};
  if (setting.type == SettingType::kServices && *text != "all") {
    return refuse("expected \"all\" or a list of tiers");
  }
  if (setting.type == SettingType::kChoice &&
      std::ranges::find(setting.choices, *text) == setting.choices.end()) {
    return refuse(fmt::format("unknown value '{}'; it must be {}", *text, RangeText(setting)),
                  Nearest(*text, setting.choices));
  }
  if (setting.format != nullptr) {
    if (auto complaint = setting.format(*text); !complaint.empty()) return refuse(std::move(complaint));
  }
  return {};
}

}  // namespace jammi
