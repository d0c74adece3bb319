// The settings of an engine, and how they are loaded from a TOML file and the environment.
//
// Config is a plain value: fill it by hand, or let LoadConfig() do it. Names, units, ranges and meaning
// of every setting are in docs/configuration.md, which is generated from the table that the loader
// itself works from (src/config/settings.cc). A member has the name that its key has in the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "jammi/result.h"
#include "jammi/secret.h"
#include "jammi/storage_precision.h"

namespace jammi {

// --- [catalog]: the database that holds everything. The alternative is the kind.

enum class SqliteSynchronous : uint8_t {
  kFull,    // a commit is on disk when it is acknowledged
  kNormal,  // a commit survives the process; a power loss may take acknowledged ones
};
struct SqliteCatalogConfig {
  std::optional<std::filesystem::path> path;  // absent: {artifact_dir}/catalog.db
  SqliteSynchronous synchronous = SqliteSynchronous::kFull;
  uint32_t reader_connections = 32;
  uint64_t group_max_work = 1024;      // bodies and appends in one commit
  uint64_t group_max_bytes = 8 << 20;  //
  uint64_t group_max_wait_us = 2000;   //
  uint64_t queue_limit = 65'536;       // waiting bodies and appends
};
struct PostgresCatalogConfig {
  Secret url;
  uint32_t pool_size = 8;
  std::optional<uint32_t> max_lifetime_secs;
};
using CatalogConfig = std::variant<SqliteCatalogConfig, PostgresCatalogConfig>;

// --- [broker]: what tells other processes that an event was published.

struct InMemoryBrokerConfig {};
struct JetStreamBrokerConfig {
  Secret url;
  uint64_t retention_seconds = 604'800;  // of the NATS streams, not of the log
  std::optional<std::filesystem::path> credentials_path;
  std::optional<std::filesystem::path> tls_authority_path;
  std::optional<std::filesystem::path> tls_certificate_path;
  std::optional<std::filesystem::path> tls_key_path;
};
using BrokerConfig = std::variant<InMemoryBrokerConfig, JetStreamBrokerConfig>;

// --- [trigger]: publishing and subscribing.

// Of topics that have no settings of their own; 0 = without limit.
struct RetentionConfig {
  uint64_t max_age_secs = 0;
  uint64_t max_bytes = 0;
  uint64_t max_events = 0;
  bool keep_for_consumers = false;
  uint64_t trim_interval_ms = 10'000;
};

struct TriggerConfig {
  uint64_t ring_bytes = 8 << 20;  // per topic in use
  uint64_t page_bytes = 1 << 20;
  uint64_t page_events = 1024;
  uint64_t page_cache_bytes = 8 << 20;  // per topic in use
  uint64_t max_batch_bytes = 16 << 20;
  uint32_t page_loader_threads = 2;
  RetentionConfig retention;
};

// --- [quotas]: what tenants may use. The global scope is not limited.

// What one tenant has instead; absent: as everybody.
struct TenantQuotaConfig {
  std::optional<uint64_t> max_topics;
  std::optional<uint64_t> max_bytes;
  std::optional<uint64_t> events_per_second;
  std::optional<uint64_t> bytes_per_second;
};
// 0 = without limit.
struct QuotaConfig {
  uint64_t max_topics = 0;
  uint64_t max_bytes = 0;
  uint64_t events_per_second = 0;
  uint64_t bytes_per_second = 0;
  std::map<std::string, TenantQuotaConfig> tenants;  // by the text of their ids
};

// --- [ephemeral]: sessions whose tables go with them.

struct EphemeralConfig {
  uint64_t sweep_interval_ms = 60'000;
  uint64_t lease_ms = 60'000;
};

// --- [events]: what is forwarded as CloudEvents to a stream of NATS JetStream.

struct EventsConfig {
  bool enabled = false;
  bool lifecycle = true;            // of the catalog: topics, models, recoveries, records of the audit log
  std::vector<std::string> topics;  // names, of any owner; with a '*' at the end: all that begin so
  std::optional<Secret> url;        // required where it is enabled
  std::string subject = "jammi.events.{tenantId}";
  std::string source = "/jammi";
  std::optional<std::filesystem::path> credentials_path;
  std::optional<std::filesystem::path> tls_authority_path;
  std::optional<std::filesystem::path> tls_certificate_path;
  std::optional<std::filesystem::path> tls_key_path;
  std::optional<std::filesystem::path> dead_letter_path;
  // Events that wait for their acknowledgement; with more than one a later one may arrive first.
  uint32_t window = 1;
};

// --- [engine], [gpu], [inference], [embedding], [fine_tuning], [training], [cache]: work on data.

// The CPUs this process may use; 4 if that is unknown.
[[nodiscard]] uint64_t DefaultExecutionThreads();

struct EngineConfig {
  uint64_t execution_threads = DefaultExecutionThreads();
  std::string memory_limit = "75%";
  uint64_t batch_size = 8192;
};

enum class ComputePrecision : uint8_t { kF32, kF16, kBf16 };
struct GpuConfig {
  int32_t device = 0;  // -1 = CPU
  std::string memory_limit = "auto";
  double memory_fraction = 0.9;
  bool require_gpu = false;
  ComputePrecision compute_precision = ComputePrecision::kF32;
};

enum class InferenceBackend : uint8_t { kAuto, kCandle, kOrt, kHttp };
struct HttpInferenceConfig {
  uint64_t timeout_secs = 60;
  std::map<std::string, std::string> headers;  // values are treated as secrets
};
struct InferenceConfig {
  InferenceBackend default_backend = InferenceBackend::kAuto;
  uint64_t batch_size = 32;
  uint64_t batch_timeout_secs = 300;
  uint64_t max_loaded_models = 0;  // 0 = no limit
  HttpInferenceConfig http;
};

enum class DistanceMetric : uint8_t { kCosine, kL2 };
enum class IndexType : uint8_t { kIvfHnswSq };
// Every precision but f32 is approximate: its hits are scored again from the raw vectors.
[[nodiscard]] bool NeedsRescoring(StoragePrecision precision);

struct AnnConfig {
  // 0 = what the index library prefers.
  uint64_t connectivity = 0;
  uint64_t build_expansion = 0;
  uint64_t search_expansion = 0;
  StoragePrecision storage_precision = StoragePrecision::kF32;
  std::optional<uint64_t> oversample;

  // Candidates fetched per result wanted, as stored with a new table: `oversample`, at least 1; unset:
  // 32 for binary, else 4.
  [[nodiscard]] uint64_t TableOversample() const;
  // The same at search: the request's, else the table's, else this deployment's (unset: 4); at least 1.
  [[nodiscard]] uint64_t SearchOversample(std::optional<uint64_t> request,
                                          std::optional<uint64_t> table) const;
};
struct EmbeddingConfig {
  DistanceMetric default_distance_metric = DistanceMetric::kCosine;
  IndexType default_index_type = IndexType::kIvfHnswSq;
  uint64_t checkpoint_interval = 1000;
  AnnConfig ann;
};

struct FineTuningConfig {
  uint64_t default_lora_rank = 8;
  double default_learning_rate = 0.0002;
  uint64_t default_epochs = 3;
  uint64_t default_batch_size = 8;
  double checkpoint_fraction = 0.1;
};

// The lease must be longer than two heartbeats; nothing is clamped.
struct TrainingConfig {
  uint64_t lease_duration_secs = 30;
  uint64_t heartbeat_interval_secs = 10;
  uint64_t idle_poll_secs = 1;
};

struct CacheConfig {
  bool ann_cache_enabled = true;
  uint64_t ann_cache_max_entries = 10'000;
  bool embedding_cache_enabled = true;
  uint64_t embedding_cache_size = 1'000'000'000;  // bytes
};

// --- [server], [logging].

// "all", or the optional tiers by name; the tier `core` is always mounted.
struct ServerServices {
  bool all = true;
  std::vector<std::string> tiers;

  // Sorted by name, `core` included.
  [[nodiscard]] std::vector<std::string> Enabled() const;
};
struct ServerConfig {
  // Numeric addresses: "127.0.0.1:8081", "[::1]:8081"; port 0 = any free one.
  std::string health_listen = "127.0.0.1:8080";
  std::string flight_listen = "127.0.0.1:8081";
  std::vector<std::string> preload_models;
  ServerServices services;
  uint64_t max_message_bytes = 64 << 20;
  uint64_t max_incoming_bytes = 512 << 20;
  uint32_t handler_threads = 16;
  uint32_t max_waiting_calls = 1024;
  uint32_t max_streams = 10'000;
  uint64_t drain_secs = 30;
  uint64_t session_idle_secs = 86'400;
  uint64_t max_sessions = 1'000'000;
  // Without a token file everybody may do everything; then only loopback addresses are listened on, unless:
  bool allow_anonymous = false;
  std::optional<std::filesystem::path> token_path;
  std::optional<std::filesystem::path> tls_certificate_path;
  std::optional<std::filesystem::path> tls_key_path;
  std::optional<std::filesystem::path> tls_client_authority_path;
  std::optional<std::filesystem::path> backup_path;
};

enum class LoggingFormat : uint8_t { kText, kJson };
struct LoggingConfig {
  std::string level = "info";  // a level, or "target=level,..."
  LoggingFormat format = LoggingFormat::kText;
};

// --- [signing_key]: where the audit log's master key comes from.

struct EnvSigningKeyConfig {};
struct FileSigningKeyConfig {
  std::filesystem::path path;
};
using SigningKeyConfig = std::variant<EnvSigningKeyConfig, FileSigningKeyConfig>;

// --- [audit]: the signed audit log.

struct AuditConfig {
  uint64_t max_lineage_bytes = 8192;
  bool require_key = false;  // an engine without a usable key does not open
};

// --- [storage]: where result tables and model artifacts lie, and the credentials for it. In a cloud
// --- section whatever is absent is taken from the provider's own environment.

struct S3CloudConfig {
  std::optional<std::string> region;
  std::optional<std::string> endpoint;
  std::optional<std::string> access_key_id;
  std::optional<Secret> secret_access_key;
  std::optional<Secret> session_token;
  bool allow_http = false;
};
struct GcsCloudConfig {
  std::optional<Secret> service_account_json;
  std::optional<std::filesystem::path> service_account_path;
};
struct AzureCloudConfig {
  std::optional<std::string> account_name;
  std::optional<Secret> account_key;
  std::optional<Secret> sas_token;
  std::optional<std::string> tenant_id;
  std::optional<std::string> client_id;
  std::optional<Secret> client_secret;
};
struct R2CloudConfig {
  std::optional<std::string> account_id;
  std::optional<std::string> endpoint;
  std::optional<std::string> access_key_id;
  std::optional<Secret> secret_access_key;
  bool allow_http = false;
};
using CloudConfig = std::variant<S3CloudConfig, GcsCloudConfig, AzureCloudConfig, R2CloudConfig>;
struct StorageConfig {
  std::optional<std::string> result_root;  // URL; absent: under artifact_dir
  std::optional<CloudConfig> cloud;
};

// --- All of it.

struct Config {
  // Local root of all state. LoadConfig() sets it to the platform's data directory where nothing else
  // does; in a Config made by hand it must be given.
  std::filesystem::path artifact_dir;
  EngineConfig engine;
  CatalogConfig catalog;
  BrokerConfig broker;
  TriggerConfig trigger;
  QuotaConfig quotas;
  EphemeralConfig ephemeral;
  EventsConfig events;
  GpuConfig gpu;
  InferenceConfig inference;
  EmbeddingConfig embedding;
  FineTuningConfig fine_tuning;
  TrainingConfig training;
  CacheConfig cache;
  ServerConfig server;
  LoggingConfig logging;
  SigningKeyConfig signing_key;
  AuditConfig audit;
  StorageConfig storage;

  // Every range and every rule between settings. Errors: kInvalidArgument; the message has one line per
  // problem, each naming its key; ConfigDetail is the first one's.
  [[nodiscard]] Result<void> Validate() const;

  // The SQLite catalog's file: catalog.path, else {artifact_dir}/catalog.db.
  [[nodiscard]] std::filesystem::path CatalogPath() const;
};

// Refuses what the configuration may say but this build cannot do. Errors: kUnimplemented with
// ConfigDetail; the message says what to do instead, one line for each thing that is refused.
[[nodiscard]] Result<void> CheckSupported(const Config& config);

// --- Loading.

using Environment = std::map<std::string, std::string>;
// The variables of this process, as they are now. Do not call it while another thread changes them.
[[nodiscard]] Environment ProcessEnvironment();

struct LoadOptions {
  // The file that must be read. Absent: $JAMMI_CONFIG; else ./jammi.toml if there is one; else
  // config.toml in the platform's configuration directory if there is one; else no file.
  std::optional<std::filesystem::path> path;
  // Absent: the process's own.
  std::optional<Environment> environment;
  std::optional<std::filesystem::path> current_directory;
  // One log line for the warnings, if any.
  bool log_warnings = true;
};

// Where a value comes from.
struct ConfigOrigin {
  enum class Source : uint8_t { kDefault, kFile, kEnvironment };
  Source source = Source::kDefault;
  std::string name;  // the file's path or the variable's name; empty for a default
  int line = 0;      // 1-based, in the file; 0 = unknown
  int column = 0;    // 1-based, in code points; 0 = unknown
};
// "default", "jammi.toml:3:1", "environment variable JAMMI_ARTIFACT_DIR"
[[nodiscard]] std::string ToString(const ConfigOrigin& origin);

// Something that is allowed, and probably not meant.
struct ConfigWarning {
  std::string key;  // the setting concerned; empty for a variable that is none
  ConfigOrigin origin;
  std::string message;  // one sentence that names the thing; never holds a secret
};

struct LoadedConfig {
  Config config;
  std::optional<std::filesystem::path> file;    // what was read
  std::map<std::string, ConfigOrigin> origins;  // by key; a key that is absent has its default
  std::vector<ConfigWarning> warnings;
};

// Finds and reads the file, replaces ${NAME} by variables, applies JAMMI_<SECTION>__<KEY> overrides and
// validates: environment over file over default. Paths in the result are absolute. Settings that this
// version does not use are warned about.
// Errors, with ConfigDetail: kNotFound: the named file is not there; kInvalidArgument: it cannot be
// read, or its text, a variable or a value is wrong; every problem has its line in the message. Without a
// detail, kFailedPrecondition: there is no current directory.
[[nodiscard]] Result<LoadedConfig> LoadConfig(const LoadOptions& options = {});

}  // namespace jammi
