// The rules of each section: defaults, kinds, ranges, and what must hold between settings.
#include <gmock/gmock.h>

#include <limits>

#include "config/config_test_support.h"

namespace jammi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Catalog = ConfigTest;
using Broker = ConfigTest;
using Events = ConfigTest;
using SigningKey = ConfigTest;
using Storage = ConfigTest;
using Training = ConfigTest;
using Ann = ConfigTest;
using Server = ConfigTest;
using Trigger = ConfigTest;

// A Config made by hand is checked by the same rules.
std::string Invalid(const Config& config) {
  const auto valid = config.Validate();
  return valid ? "" : valid.error().message();
}
Config Made() {
  Config config;
  config.artifact_dir = "/data";
  return config;
}

// --- catalog

TEST_F(Catalog, DefaultsToSqliteInTheArtifactDirectory) {
  const auto config = Good("artifact_dir = '/data'\n");
  EXPECT_FALSE(std::get<SqliteCatalogConfig>(config.catalog).path);
  EXPECT_EQ(config.CatalogPath(), "/data/catalog.db");
}

TEST_F(Catalog, SqlitePathIsKept) {
  EXPECT_FALSE(std::get<SqliteCatalogConfig>(Good("[catalog]\nkind = 'sqlite'\n").catalog).path);
  const auto config = Good("[catalog]\nkind = 'sqlite'\npath = '/var/lib/jammi/catalog.db'\n");
  EXPECT_EQ(std::get<SqliteCatalogConfig>(config.catalog).path, "/var/lib/jammi/catalog.db");
  EXPECT_EQ(config.CatalogPath(), "/var/lib/jammi/catalog.db");
}

TEST_F(Catalog, SqliteTuning) {
  const auto config = Good(R"([catalog]
    kind = "sqlite"
    synchronous = "normal"
    reader_connections = 2
    group_max_work = 10
    group_max_bytes = "1MiB"
    group_max_wait_us = 0
    queue_limit = 100)");
  const auto& sqlite = std::get<SqliteCatalogConfig>(config.catalog);
  EXPECT_EQ(sqlite.synchronous, SqliteSynchronous::kNormal);
  EXPECT_EQ(sqlite.reader_connections, 2u);
  EXPECT_EQ(sqlite.group_max_work, 10u);
  EXPECT_EQ(sqlite.group_max_bytes, 1u << 20);
  EXPECT_EQ(sqlite.group_max_wait_us, 0u);
  EXPECT_EQ(sqlite.queue_limit, 100u);
  EXPECT_THAT(Bad("[catalog]\nkind = 'sqlite'\nreader_connections = 0\n"),
              HasSubstr("catalog.reader_connections"));
}

TEST_F(Catalog, SyncIsFullByDefault) {
  EXPECT_EQ(std::get<SqliteCatalogConfig>(Config{}.catalog).synchronous, SqliteSynchronous::kFull);
}

TEST_F(Catalog, PostgresDefaultsAndValues) {
  const auto plain = Good("[catalog]\nkind = 'postgres'\nurl = 'postgres://h/d'\n");
  EXPECT_EQ(std::get<PostgresCatalogConfig>(plain.catalog).pool_size, 8u);
  EXPECT_FALSE(std::get<PostgresCatalogConfig>(plain.catalog).max_lifetime_secs);
  const auto full = Good(
      "[catalog]\nkind = 'postgres'\nurl = 'postgres://h/d'\npool_size = 16\nmax_lifetime_secs = 1800\n");
  EXPECT_EQ(std::get<PostgresCatalogConfig>(full.catalog).pool_size, 16u);
  EXPECT_EQ(std::get<PostgresCatalogConfig>(full.catalog).max_lifetime_secs, 1800u);
}

TEST_F(Catalog, PostgresFromAVariable) {
  const auto config = Good("[catalog]\nkind = \"postgres\"\nurl = \"${PG}\"\npool_size = 4\n",
                           {{"PG", "postgres://u:p\"q\\@h:5432/d"}});
  EXPECT_EQ(std::get<PostgresCatalogConfig>(config.catalog).url.Reveal(), "postgres://u:p\"q\\@h:5432/d");
  EXPECT_EQ(std::get<PostgresCatalogConfig>(config.catalog).pool_size, 4u);
}

TEST_F(Catalog, Cfg030KindAndUrlAreRequired) {
  EXPECT_EQ(Bad("[catalog]\npath = '/x'\n"),
            "jammi.toml:1:1: catalog.kind: is required; one of sqlite, postgres");
  EXPECT_EQ(Bad("[catalog]\nkind = 'postgres'\n"),
            "jammi.toml:2:8: catalog.url: is required when catalog.kind = \"postgres\"");
  EXPECT_THAT(Bad("[catalog]\nkind = 'postgres'\nurl = 'mysql://h'\n"),
              HasSubstr("jammi.toml:3:7: catalog.url"));
  EXPECT_THAT(Bad("[catalog]\nkind = 'postgres'\nurl = 'postgres://h'\npool_size = 0\n"),
              HasSubstr("catalog.pool_size: must be 1 to 10000, and is 0"));
  EXPECT_THAT(Bad("[catalog]\nkind = 'postgres'\nurl = 'postgres://h'\npool_size = 5000000000\n"),
              HasSubstr("catalog.pool_size: must be 1 to 10000, and is 5000000000"));
}

TEST_F(Catalog, AKeyOfAnotherKindIsAnError) {
  EXPECT_EQ(Bad("[catalog]\nkind = 'sqlite'\npool_size = 5\n"),
            "jammi.toml:3:1: catalog.pool_size: goes with catalog.kind = \"postgres\", and it is \"sqlite\"");
}

TEST_F(Catalog, Cfg031WhatIsNotBuiltInLoadsAndIsRefusedAtTheStart) {
  EXPECT_TRUE(CheckSupported(Config{}));
  const auto supported = CheckSupported(Good("[catalog]\nkind = 'postgres'\nurl = 'postgres://h/d'\n"));
#ifdef JAMMI_HAS_POSTGRES
  EXPECT_TRUE(supported);
#else
  ASSERT_FALSE(supported);
  EXPECT_EQ(supported.error().code(), ErrorCode::kUnimplemented);
  EXPECT_EQ(supported.error().As<ConfigDetail>()->key, "catalog.kind");
  EXPECT_THAT(supported.error().message(), HasSubstr("use catalog.kind = \"sqlite\""));
#endif
}

TEST_F(Catalog, Cfg032StorageDoesNotMoveTheCatalog) {
  EXPECT_EQ(Good("artifact_dir = '/data'\n[storage]\nresult_root = 's3://b/p'\n").CatalogPath(),
            "/data/catalog.db");
}

// --- broker

TEST_F(Broker, InMemory) {
  EXPECT_TRUE(std::holds_alternative<InMemoryBrokerConfig>(Config{}.broker));
  EXPECT_TRUE(std::holds_alternative<InMemoryBrokerConfig>(Good("[broker]\nkind = 'in_memory'\n").broker));
}

TEST_F(Broker, JetStreamDefaultsAndValues) {
  const auto plain = Good("[broker]\nkind = 'jet_stream'\nurl = 'nats://h:4222'\n");
  EXPECT_EQ(std::get<JetStreamBrokerConfig>(plain.broker).retention_seconds, 604'800u);
  EXPECT_FALSE(std::get<JetStreamBrokerConfig>(plain.broker).credentials_path);
  const auto full = Good(
      "[broker]\nkind = 'jet_stream'\nurl = 'nats://h:4222'\nretention_seconds = 86400\n"
      "credentials_path = '/run/nats.creds'\n");
  EXPECT_EQ(std::get<JetStreamBrokerConfig>(full.broker).retention_seconds, 86'400u);
  EXPECT_EQ(std::get<JetStreamBrokerConfig>(full.broker).credentials_path, "/run/nats.creds");
  EXPECT_THAT(Bad("[broker]\nkind = 'jet_stream'\n"), HasSubstr("broker.url: is required"));
}

TEST_F(Broker, Cfg031Trg077WhatIsNotBuiltInLoadsAndIsRefusedAtTheStart) {
  const auto supported = CheckSupported(Good("[broker]\nkind = 'jet_stream'\nurl = 'nats://h:4222'\n"));
#ifdef JAMMI_HAS_NATS
  EXPECT_TRUE(supported);
#else
  ASSERT_FALSE(supported);
  EXPECT_EQ(supported.error().code(), ErrorCode::kUnimplemented);
  EXPECT_EQ(supported.error().As<ConfigDetail>()->key, "broker.kind");
  EXPECT_THAT(supported.error().message(), HasSubstr("broker.kind = \"jet_stream\": this build has no NATS"));
#endif
}

// --- events

TEST_F(Events, NothingIsForwardedByDefault) {
  EXPECT_FALSE(Config{}.events.enabled);
  EXPECT_FALSE(Good("[events]\ntopics = ['quakes']\n").events.enabled);
}

TEST_F(Events, NeedsAServer) {
  EXPECT_THAT(Bad("[events]\nenabled = true\n"), HasSubstr("events.url: is required when"));
  const auto events = Good("[events]\nenabled = true\nurl = 'nats://u:hunter2@h'\n").events;
  EXPECT_EQ(events.url->Reveal(), "nats://u:hunter2@h");
  EXPECT_TRUE(events.lifecycle);
  EXPECT_EQ(events.subject, "jammi.events.{tenantId}");
}

TEST_F(Events, NamesOfTopicsMayEndWithAStar) {
  EXPECT_THAT(Good("[events]\ntopics = ['quakes', 'sensor.*', '*']\n").events.topics,
              ElementsAre("quakes", "sensor.*", "*"));
  EXPECT_THAT(Bad("[events]\ntopics = ['a*b']\n"), HasSubstr("events.topics: 'a*b': only the end"));
  EXPECT_THAT(Bad("[events]\ntopics = ['*a*']\n"), HasSubstr("events.topics: '*a*': only the end"));
  EXPECT_THAT(Bad("[events]\ntopics = ['']\n"), HasSubstr("events.topics: must not contain an empty name"));
}

TEST_F(Events, CertificateAndKeyNeedEachOther) {
  EXPECT_THAT(Bad("[events]\ntls_key_path = 'k'\n"), HasSubstr("need each other"));
  EXPECT_THAT(Bad("[events]\ntls_certificate_path = 'c'\n"), HasSubstr("need each other"));
  EXPECT_THAT(Bad("[server]\ntls_key_path = 'k'\n"), HasSubstr("need each other"));
  EXPECT_THAT(Bad("[server]\ntls_client_authority_path = 'c'\n"), HasSubstr("needs"));
}

TEST_F(Events, WhatIsNotBuiltInLoadsAndIsRefusedAtTheStart) {
  const auto supported = CheckSupported(Good("[events]\nenabled = true\nurl = 'nats://h'\n"));
#ifdef JAMMI_HAS_NATS
  EXPECT_TRUE(supported);
#else
  ASSERT_FALSE(supported);
  EXPECT_EQ(supported.error().As<ConfigDetail>()->key, "events.enabled");
#endif
}

// --- signing_key, storage

TEST_F(SigningKey, IsEnv) {
  EXPECT_TRUE(std::holds_alternative<EnvSigningKeyConfig>(Config{}.signing_key));
  EXPECT_TRUE(std::holds_alternative<EnvSigningKeyConfig>(Good("[signing_key]\nkind = 'env'\n").signing_key));
  EXPECT_THAT(Bad("[signing_key]\nkind = 'vault'\n"), HasSubstr("signing_key.kind: unknown value 'vault'"));
}

TEST_F(SigningKey, AFileHasAPath) {
  const auto config = Good("[signing_key]\nkind = 'file'\npath = '/run/secrets/audit'\n");
  EXPECT_EQ(std::get<FileSigningKeyConfig>(config.signing_key).path, "/run/secrets/audit");
  EXPECT_THAT(Bad("[signing_key]\nkind = 'file'\n"), HasSubstr("signing_key.path: is required"));
  EXPECT_THAT(Bad("[signing_key]\npath = 'x'\n"), HasSubstr("signing_key.kind: is required"));
  EXPECT_THAT(Bad("[signing_key]\nkind = 'env'\npath = 'x'\n"), HasSubstr("signing_key.path"));
}

TEST_F(Storage, DefaultsToNothing) {
  EXPECT_FALSE(Config{}.storage.result_root);
  EXPECT_FALSE(Config{}.storage.cloud);
}

TEST_F(Storage, R2WithAnAccount) {
  const auto config = Good(
      "[storage]\nresult_root = 'r2://bucket/jammi'\n[storage.cloud]\nkind = 'r2'\naccount_id = 'abc123'\n");
  EXPECT_EQ(config.storage.result_root, "r2://bucket/jammi");
  const auto& r2 = std::get<R2CloudConfig>(*config.storage.cloud);
  EXPECT_EQ(r2.account_id, "abc123");
  EXPECT_FALSE(r2.access_key_id);
  EXPECT_FALSE(r2.secret_access_key);
}

TEST_F(Storage, S3WithARegion) {
  const auto config = Good("[storage.cloud]\nkind = 's3'\nregion = 'eu-west-1'\n");
  EXPECT_EQ(std::get<S3CloudConfig>(*config.storage.cloud).region, "eu-west-1");
  EXPECT_FALSE(std::get<S3CloudConfig>(*config.storage.cloud).access_key_id);
}

TEST_F(Storage, Sto001TheRootIsAUrlOfAKnownScheme) {
  EXPECT_THAT(Bad("[storage]\nresult_root = 'ftp://host/foo'\n"),
              HasSubstr("storage.result_root: unknown scheme"));
  EXPECT_THAT(Bad("[storage]\nresult_root = ''\n"), HasSubstr("storage.result_root: must not be empty"));
}

TEST_F(Storage, TheKindIsRequired) {
  EXPECT_THAT(Bad("[storage.cloud]\nregion = 'eu'\n"), HasSubstr("storage.cloud.kind: is required"));
}

TEST_F(Storage, Sto020S3KeysComeInPairs) {
  const std::string s3 = "[storage.cloud]\nkind = 's3'\n";
  EXPECT_THAT(Bad(s3 + "access_key_id = 'a'\n"), HasSubstr("storage.cloud.secret_access_key"));
  EXPECT_THAT(Bad(s3 + "secret_access_key = 'a'\n"), HasSubstr("storage.cloud.access_key_id"));
  (void)Good(s3);
  (void)Good(s3 + "access_key_id = 'a'\nsecret_access_key = 'b'\nsession_token = 'c'\nallow_http = true\n");
}

TEST_F(Storage, Sto021ASessionTokenNeedsAKey) {
  EXPECT_THAT(Bad("[storage.cloud]\nkind = 's3'\nsession_token = 'a'\n"),
              HasSubstr("storage.cloud.session_token"));
}

TEST_F(Storage, Sto022GcsTakesOneKey) {
  const std::string gcs = "[storage.cloud]\nkind = 'gcs'\n";
  EXPECT_THAT(Bad(gcs + "service_account_json = '{}'\nservice_account_path = '/x'\n"),
              HasSubstr("exclude each other"));
  (void)Good(gcs);
  (void)Good(gcs + "service_account_json = '{}'\n");
  (void)Good(gcs + "service_account_path = '/x'\n");
}

TEST_F(Storage, Sto023Azure) {
  const std::string azure = "[storage.cloud]\nkind = 'azure'\n";
  EXPECT_THAT(Bad(azure + "account_key = 'k'\n"), HasSubstr("storage.cloud.account_name: is required"));
  EXPECT_THAT(Bad(azure + "account_name = 'n'\naccount_key = 'k'\nsas_token = 's'\n"),
              HasSubstr("exclude each other"));
  EXPECT_THAT(Bad(azure + "account_name = 'n'\ntenant_id = 't'\nclient_id = 'c'\n"),
              HasSubstr("need each other"));
  EXPECT_THAT(Bad(azure + "account_name = 'n'\nclient_secret = 'c'\n"), HasSubstr("need each other"));
  (void)Good(azure);
  (void)Good(azure + "account_name = 'n'\ntenant_id = 't'\nclient_id = 'c'\nclient_secret = 's'\n");
}

TEST_F(Storage, Sto024R2NeedsAnAccountOrAnEndpoint) {
  const std::string r2 = "[storage.cloud]\nkind = 'r2'\n";
  EXPECT_THAT(Bad(r2), HasSubstr("storage.cloud.account_id"));
  EXPECT_THAT(Bad(r2 + "account_id = 'a'\naccess_key_id = 'k'\n"), HasSubstr("storage.cloud.access_key_id"));
  (void)Good(r2 + "endpoint = 'https://e'\n");
  (void)Good(r2 + "account_id = 'a'\naccess_key_id = 'k'\nsecret_access_key = 's'\n");
}

// --- training

TEST_F(Training, Cfg005DefaultsAreAsIfWrittenOut) {
  EXPECT_EQ(Config{}.training.lease_duration_secs, 30u);
  EXPECT_EQ(Config{}.training.heartbeat_interval_secs, 10u);
  EXPECT_EQ(Config{}.training.idle_poll_secs, 1u);
  const auto set =
      Good("[training]\nlease_duration_secs = 8\nheartbeat_interval_secs = 2\nidle_poll_secs = 1\n");
  EXPECT_EQ(set.training.lease_duration_secs, 8u);
  EXPECT_EQ(set.training.heartbeat_interval_secs, 2u);
  EXPECT_EQ(set.training.idle_poll_secs, 1u);
}

TEST_F(Training, Cfg040ALeaseOutlastsTwoHeartbeats) {
  auto config = Made();
  const auto timing = [&](uint64_t lease, uint64_t heartbeat, uint64_t poll = 1) {
    config.training = {lease, heartbeat, poll};
    return Invalid(config);
  };
  EXPECT_THAT(timing(10, 10), HasSubstr("heartbeat_interval_secs"));
  EXPECT_THAT(timing(19, 10), HasSubstr("heartbeat_interval_secs"));
  EXPECT_THAT(timing(5, 30), HasSubstr("heartbeat_interval_secs"));
  EXPECT_THAT(timing(20, 10), HasSubstr("heartbeat_interval_secs"));
  EXPECT_EQ(timing(21, 10), "");
  EXPECT_THAT(timing(30, uint64_t{1} << 63), HasSubstr("heartbeat_interval_secs"));
  EXPECT_THAT(timing(30, std::numeric_limits<uint64_t>::max()), HasSubstr("heartbeat_interval_secs"));
  EXPECT_THAT(timing(30, 0), HasSubstr("heartbeat_interval_secs"));
  EXPECT_THAT(timing(30, 10, 0), HasSubstr("idle_poll_secs"));
}

TEST_F(Training, Cfg040AFileIsRefusedWithItsPlace) {
  EXPECT_THAT(Bad("[training]\nlease_duration_secs = 5\nheartbeat_interval_secs = 5\nidle_poll_secs = 1\n"),
              HasSubstr("jammi.toml:3:27: training.heartbeat_interval_secs: 5 must be less than half"));
}

// --- embedding

TEST_F(Ann, OnlyF32NeedsNoRescoring) {
  EXPECT_FALSE(NeedsRescoring(Config{}.embedding.ann.storage_precision));
  for (const auto precision : {StoragePrecision::kF16, StoragePrecision::kInt8, StoragePrecision::kBinary}) {
    EXPECT_TRUE(NeedsRescoring(precision));
  }
}

TEST_F(Ann, Cfg050Oversample) {
  using enum StoragePrecision;
  EXPECT_EQ((AnnConfig{}.TableOversample()), 4u);
  EXPECT_EQ((AnnConfig{.storage_precision = kBinary}.TableOversample()), 32u);
  EXPECT_EQ((AnnConfig{.storage_precision = kBinary, .oversample = 4}.TableOversample()), 4u);
  for (const auto precision : {kF32, kF16, kInt8, kBinary}) {
    EXPECT_EQ((AnnConfig{.storage_precision = precision, .oversample = 8}.TableOversample()), 8u);
    EXPECT_EQ((AnnConfig{.storage_precision = precision, .oversample = 0}.TableOversample()), 1u);
  }
}

TEST_F(Ann, Cfg050OversampleAtSearch) {
  const AnnConfig ann{.oversample = 4};
  EXPECT_EQ(ann.SearchOversample(9, 6), 9u);
  EXPECT_EQ(ann.SearchOversample(std::nullopt, 6), 6u);
  EXPECT_EQ(ann.SearchOversample(std::nullopt, std::nullopt), 4u);
  EXPECT_EQ(ann.SearchOversample(0, 6), 1u);
  EXPECT_EQ((AnnConfig{.storage_precision = StoragePrecision::kBinary}.SearchOversample(std::nullopt,
                                                                                        std::nullopt)),
            4u);
}

// --- server

TEST_F(Server, Cfg020Services) {
  EXPECT_TRUE(Good("[server]\nservices = 'all'\n").server.services.all);
  EXPECT_THAT(Good("[server]\nservices = ['train', 'core']\n").server.services.Enabled(),
              ElementsAre("core", "train"));
  EXPECT_THAT(Good("[server]\nservices = []\n").server.services.Enabled(), ElementsAre("core"));
  EXPECT_THAT(Config{}.server.services.Enabled(), ElementsAre("core", "eval", "event", "train"));
  EXPECT_THAT(Bad("[server]\nservices = 'train'\n"), HasSubstr("expected \"all\" or a list"));
  EXPECT_THAT(Bad("[server]\nservices = ['evnt']\n"),
              HasSubstr("unknown tier 'evnt'; known are core, eval, event, "
                        "train; did you mean 'event'?"));
  EXPECT_THAT(Bad("[server]\nservices = ['all']\n"), HasSubstr("\"all\" stands alone"));
}

TEST_F(Server, Cfg021Addresses) {
  auto config = Made();
  EXPECT_EQ(Invalid(config), "");
  config.server.health_listen = "not-an-address";
  EXPECT_THAT(Invalid(config), HasSubstr("server.health_listen: expected a numeric address"));
  config.server.health_listen = "0.0.0.0:8080";
  config.server.flight_listen = "0.0.0.0:8080";
  EXPECT_THAT(Invalid(config), HasSubstr("are the same address"));
  config.server.flight_listen = "127.0.0.1:8080";
  EXPECT_THAT(Invalid(config), HasSubstr("are the same address"));
  config.server.flight_listen = "127.0.0.1:8081";
  EXPECT_EQ(Invalid(config), "");
  config.server.health_listen = "127.0.0.1:0";
  config.server.flight_listen = "127.0.0.1:0";
  EXPECT_EQ(Invalid(config), "");
}

// --- trigger, and all of it

TEST_F(Trigger, SizesTakeNumbersAndUnits) {
  const auto config = Good("[trigger]\nring_bytes = '16MiB'\nmax_batch_bytes = '1 MB'\npage_bytes = 4096\n");
  EXPECT_EQ(config.trigger.ring_bytes, 16u << 20);
  EXPECT_EQ(config.trigger.max_batch_bytes, 1'000'000u);
  EXPECT_EQ(config.trigger.page_bytes, 4096u);
  EXPECT_THAT(Bad("[trigger]\nmax_batch_bytes = '1GiB'\n"),
              HasSubstr("trigger.max_batch_bytes: must be 1KiB to 512MiB, and is 1GiB"));
}

TEST(Validate, AConfigMadeByHandNeedsAnArtifactDirectory) {
  const auto valid = Config{}.Validate();
  ASSERT_FALSE(valid);
  EXPECT_EQ(valid.error().message(), "artifact_dir: must not be empty");
  EXPECT_EQ(valid.error().As<ConfigDetail>()->key, "artifact_dir");
}

TEST(Validate, SaysAllThatIsWrong) {
  auto config = Made();
  config.trigger.page_events = 0;
  config.catalog = PostgresCatalogConfig{};
  EXPECT_EQ(Invalid(config),
            "catalog.url: is required when catalog.kind = \"postgres\"\n"
            "trigger.page_events: must be 1 to 1000000, and is 0");
}

}  // namespace
}  // namespace jammi
