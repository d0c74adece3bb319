// The table of settings is whole: every field of Config has its setting, and every setting works.
#include "config/settings.h"

#include <gmock/gmock.h>

#include <set>

#include "config/config_test_support.h"

namespace jammi {
namespace {

using Settings = ConfigTest;

// --- How many fields an aggregate has: the most values it can be initialised from.

struct Anything {
  template <class T>
  operator T() const;  // never called
};
template <class T, class... Values>
consteval size_t FieldCount() {
  if constexpr (requires { T{Values{}..., Anything{}}; }) {
    return FieldCount<T, Values..., Anything>();
  } else {
    return sizeof...(Values);
  }
}

size_t SettingCount(std::string_view section, std::string_view kind = "") {
  return static_cast<size_t>(std::ranges::count_if(AllSettings(), [&](const Setting& setting) {
    return SectionOf(setting.key) == section && setting.kind == kind;
  }));
}

// A field without a setting could be set by nobody. (A tagged section has one setting more: its kind.)
TEST(SettingTable, EveryFieldOfConfigHasASetting) {
  EXPECT_EQ(FieldCount<SqliteCatalogConfig>(), SettingCount("catalog", "sqlite"));
  EXPECT_EQ(FieldCount<PostgresCatalogConfig>(), SettingCount("catalog", "postgres"));
  EXPECT_EQ(FieldCount<InMemoryBrokerConfig>(), SettingCount("broker", "in_memory"));
  EXPECT_EQ(FieldCount<JetStreamBrokerConfig>(), SettingCount("broker", "jet_stream"));
  EXPECT_EQ(FieldCount<TriggerConfig>(), SettingCount("trigger") + 1);  // retention
  EXPECT_EQ(FieldCount<RetentionConfig>(), SettingCount("trigger.retention"));
  EXPECT_EQ(FieldCount<QuotaConfig>(), SettingCount("quotas"));
  EXPECT_EQ(FieldCount<TenantQuotaConfig>(), SettingCount("quotas") - 1);  // tenants
  EXPECT_EQ(FieldCount<EphemeralConfig>(), SettingCount("ephemeral"));
  EXPECT_EQ(FieldCount<EventsConfig>(), SettingCount("events"));
  EXPECT_EQ(FieldCount<EngineConfig>(), SettingCount("engine"));
  EXPECT_EQ(FieldCount<GpuConfig>(), SettingCount("gpu"));
  EXPECT_EQ(FieldCount<InferenceConfig>(), SettingCount("inference") + 1);  // http
  EXPECT_EQ(FieldCount<HttpInferenceConfig>(), SettingCount("inference.http"));
  EXPECT_EQ(FieldCount<EmbeddingConfig>(), SettingCount("embedding") + 1);  // ann
  EXPECT_EQ(FieldCount<AnnConfig>(), SettingCount("embedding.ann"));
  EXPECT_EQ(FieldCount<FineTuningConfig>(), SettingCount("fine_tuning"));
  EXPECT_EQ(FieldCount<TrainingConfig>(), SettingCount("training"));
  EXPECT_EQ(FieldCount<CacheConfig>(), SettingCount("cache"));
  EXPECT_EQ(FieldCount<ServerConfig>(), SettingCount("server"));
  EXPECT_EQ(FieldCount<LoggingConfig>(), SettingCount("logging"));
  EXPECT_EQ(FieldCount<EnvSigningKeyConfig>(), SettingCount("signing_key", "env"));
  EXPECT_EQ(FieldCount<FileSigningKeyConfig>(), SettingCount("signing_key", "file"));
  EXPECT_EQ(FieldCount<AuditConfig>(), SettingCount("audit"));
  EXPECT_EQ(FieldCount<StorageConfig>(), SettingCount("storage") + 1);  // cloud
  EXPECT_EQ(FieldCount<S3CloudConfig>(), SettingCount("storage.cloud", "s3"));
  EXPECT_EQ(FieldCount<GcsCloudConfig>(), SettingCount("storage.cloud", "gcs"));
  EXPECT_EQ(FieldCount<AzureCloudConfig>(), SettingCount("storage.cloud", "azure"));
  EXPECT_EQ(FieldCount<R2CloudConfig>(), SettingCount("storage.cloud", "r2"));
  size_t sections = 0;  // directly below Config
  for (const auto& section : AllSections())
    sections += section.key.find('.') == std::string_view::npos ? 1 : 0;
  EXPECT_EQ(FieldCount<Config>(), sections + SettingCount(""));
}

// --- A value for a setting that is not its default.

SettingValue Another(const Setting& setting) {
  Config config;
  if (const auto* tagged = FindTaggedSection(SectionOf(setting.key));
      tagged != nullptr && !setting.kind.empty()) {
    const auto at = std::ranges::find(tagged->kinds, setting.kind, &SectionKind::name);
    tagged->select(config, static_cast<size_t>(at - tagged->kinds.begin()));
  }
  const auto now = setting.get(config);
  switch (setting.type) {
    case SettingType::kBool:
      return !std::get<bool>(*now);
    case SettingType::kInteger:
    case SettingType::kSize:
      return now && std::get<int64_t>(*now) == setting.min ? setting.min + 1 : setting.min;
    case SettingType::kFloat:
      return setting.float_max / 2;
    case SettingType::kChoice:
      return std::string(setting.choices.back());
    case SettingType::kTextList:
      return TextList{"one", "two"};
    case SettingType::kTextMap:
      return TextMap{{"name", "value"}};
    case SettingType::kLimits:
      return LimitTables{{"6f9619ff-8b86-4011-b42d-00cf4fc964ff",
                          {{std::string(setting.choices.front()), setting.min + 1},
                           {std::string(setting.choices.back()), 1 << 20}}}};
    case SettingType::kServices:
      return TextList{"train"};
    case SettingType::kPath:
      return std::string("/some/path");
    case SettingType::kText:
      break;
  }
  if (setting.format == CheckAddress) return std::string("127.0.0.1:9");
  if (setting.format == CheckMemoryLimit) return std::string("50%");
  if (setting.format == CheckLogFilter) return std::string("debug");
  if (setting.format == CheckPostgresUrl) return std::string("postgres://h/d");
  return std::string("s3://text");
}

std::string AsVariable(const SettingValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* list = std::get_if<TextList>(&value)) return list->size() == 1 ? list->front() : "one,two";
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return ToToml(SettingType::kInteger, value);
}

// What else must be there for this one setting to be accepted.
using Needs = std::vector<std::pair<std::string, std::string>>;
Needs NeedsOf(const Setting& setting) {
  Needs needs;
  const std::string section(SectionOf(setting.key));
  if (!setting.kind.empty()) needs.emplace_back(section + ".kind", setting.kind);
  const auto need = [&](const std::string& key, std::string value) {
    if (setting.key != key) needs.emplace_back(key, std::move(value));
  };
  if (setting.kind == "postgres") need("catalog.url", "postgres://h/d");
  if (setting.kind == "jet_stream") need("broker.url", "nats://h");
  if (setting.key == "events.enabled") need("events.url", "nats://h");
  if (setting.key == "events.tls_certificate_path") need("events.tls_key_path", "k");
  if (setting.key == "events.tls_key_path") need("events.tls_certificate_path", "c");
  if (setting.key == "server.tls_certificate_path") need("server.tls_key_path", "k");
  if (setting.key == "server.tls_key_path") need("server.tls_certificate_path", "c");
  if (setting.key == "server.tls_client_authority_path") {
    need("server.tls_certificate_path", "c");
    need("server.tls_key_path", "k");
  }
  if (setting.kind == "azure") need("storage.cloud.account_name", "n");
  if (setting.kind == "r2" || setting.key == "storage.cloud.kind") need("storage.cloud.account_id", "n");
  const bool needs_key = setting.key == "storage.cloud.session_token";
  if (setting.key == "storage.cloud.access_key_id" || needs_key) need("storage.cloud.secret_access_key", "s");
  if (setting.key == "storage.cloud.secret_access_key" || needs_key) need("storage.cloud.access_key_id", "k");
  const std::vector<std::string> oauth = {"tenant_id", "client_id", "client_secret"};
  if (std::ranges::find(oauth, setting.key.substr(section.size() + 1)) != oauth.end()) {
    for (const auto& name : oauth) need("storage.cloud." + name, "x");
  }
  return needs;
}

// Two settings are only valid together with others of their section.
SettingValue Acceptable(const Setting& setting) {
  if (setting.key == "training.lease_duration_secs") return int64_t{100};
  if (setting.key == "catalog.kind") return std::string("sqlite");    // the others need a url
  if (setting.key == "broker.kind") return std::string("in_memory");  //
  if (setting.key == "signing_key.kind") return std::string("env");   // or a path
  return Another(setting);
}

TEST_F(Settings, EachCanBeSetFromTheFile) {
  for (const auto& setting : AllSettings()) {
    SCOPED_TRACE(std::string(setting.kind) + " " + std::string(setting.key));
    const auto value = Acceptable(setting);
    std::string text;
    for (const auto& [key, needed] : NeedsOf(setting)) text += key + " = \"" + needed + "\"\n";
    text += std::string(setting.key) + " = " + ToToml(setting.type, value) + "\n";
    const auto loaded = Load(text);
    ASSERT_TRUE(loaded) << text << loaded.error().message();
    EXPECT_EQ(setting.get(loaded->config), value) << text;
    EXPECT_EQ(loaded->origins.at(std::string(setting.key)).source, ConfigOrigin::Source::kFile);
    EXPECT_TRUE(loaded->config.Validate());
    std::filesystem::remove(directory_ / "jammi.toml");
  }
}

TEST_F(Settings, EachCanBeSetFromTheEnvironment) {
  for (const auto& setting : AllSettings()) {
    SCOPED_TRACE(std::string(setting.kind) + " " + std::string(setting.key));
    const auto name = EnvironmentName(setting);
    if (setting.type == SettingType::kTextMap || setting.type == SettingType::kLimits) {
      EXPECT_EQ(name, "");
      continue;
    }
    const auto value = Acceptable(setting);
    Environment environment = {{name, AsVariable(value)}};
    for (const auto& [key, needed] : NeedsOf(setting)) {
      environment[EnvironmentName({.key = key})] = needed;
    }
    const auto loaded = Find(environment);
    ASSERT_TRUE(loaded) << loaded.error().message();
    EXPECT_EQ(setting.get(loaded->config), value);
    EXPECT_EQ(loaded->origins.at(std::string(setting.key)).name, name);
  }
}

TEST(SettingTable, EachIsDescribed) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const auto& setting : AllSettings()) {
    SCOPED_TRACE(setting.key);
    EXPECT_TRUE(seen.emplace(setting.key, setting.kind).second) << "declared twice";
    EXPECT_TRUE(setting.text.ends_with('.'));
    const auto section = SectionOf(setting.key);
    EXPECT_TRUE(section.empty() || std::ranges::count(AllSections(), section, &SectionInfo::key) == 1);
    if (setting.type == SettingType::kInteger || setting.type == SettingType::kSize) {
      EXPECT_LT(setting.min, setting.max);
    }
    if (setting.type == SettingType::kFloat) {
      EXPECT_GT(setting.float_max, 0);
    }
  }
}

// Whoever fills a Config by hand gets what the documentation calls the default, and it is a valid one.
TEST(SettingTable, EachDefaultIsValid) {
  Config config;
  config.artifact_dir = "/data";
  EXPECT_TRUE(config.Validate());
  for (const auto& setting : AllSettings()) {
    SCOPED_TRACE(setting.key);
    EXPECT_TRUE(!setting.applies(config) || setting.optional || setting.get(config));
  }
}

TEST(SettingTable, EnvironmentNamesFollowThePattern) {
  EXPECT_EQ(EnvironmentName({.key = "artifact_dir"}), "JAMMI_ARTIFACT_DIR");
  EXPECT_EQ(EnvironmentName({.key = "engine.batch_size"}), "JAMMI_ENGINE__BATCH_SIZE");
  EXPECT_EQ(EnvironmentName({.key = "embedding.ann.oversample"}), "JAMMI_EMBEDDING__ANN__OVERSAMPLE");
}

// Every key of the published configuration exists, so that a file written for it loads.
TEST(SettingTable, KnowsTheKeysOfExistingFiles) {
  for (const std::string_view key : {"artifact_dir",
                                     "engine.execution_threads",
                                     "engine.memory_limit",
                                     "engine.batch_size",
                                     "gpu.device",
                                     "gpu.memory_limit",
                                     "gpu.memory_fraction",
                                     "gpu.require_gpu",
                                     "gpu.compute_precision",
                                     "inference.default_backend",
                                     "inference.batch_size",
                                     "inference.batch_timeout_secs",
                                     "inference.max_loaded_models",
                                     "inference.http.timeout_secs",
                                     "inference.http.headers",
                                     "embedding.default_distance_metric",
                                     "embedding.default_index_type",
                                     "embedding.checkpoint_interval",
                                     "embedding.ann.connectivity",
                                     "embedding.ann.build_expansion",
                                     "embedding.ann.search_expansion",
                                     "embedding.ann.storage_precision",
                                     "embedding.ann.oversample",
                                     "fine_tuning.default_lora_rank",
                                     "fine_tuning.default_learning_rate",
                                     "fine_tuning.default_epochs",
                                     "fine_tuning.default_batch_size",
                                     "fine_tuning.checkpoint_fraction",
                                     "training.lease_duration_secs",
                                     "training.heartbeat_interval_secs",
                                     "training.idle_poll_secs",
                                     "cache.ann_cache_enabled",
                                     "cache.ann_cache_max_entries",
                                     "cache.embedding_cache_enabled",
                                     "cache.embedding_cache_size",
                                     "server.health_listen",
                                     "server.flight_listen",
                                     "server.preload_models",
                                     "server.services",
                                     "logging.level",
                                     "logging.format",
                                     "catalog.kind",
                                     "catalog.path",
                                     "catalog.url",
                                     "catalog.pool_size",
                                     "catalog.max_lifetime_secs",
                                     "broker.kind",
                                     "broker.url",
                                     "broker.retention_seconds",
                                     "broker.credentials_path",
                                     "signing_key.kind",
                                     "storage.result_root",
                                     "storage.cloud.kind"}) {
    EXPECT_EQ(std::ranges::count(AllSettings(), key, &Setting::key), 1) << key;
  }
}

}  // namespace
}  // namespace jammi
