// Where configuration comes from, what wins, and what is said about mistakes.
#include <gmock/gmock.h>
#include <unistd.h>

#include "config/config_test_support.h"
#include "config/environment.h"

namespace jammi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

using Search = ConfigTest;
using FileText = ConfigTest;
using Variables = ConfigTest;
using Origins = ConfigTest;
using Warnings = ConfigTest;

std::vector<std::string> Messages(const LoadedConfig& loaded) {
  std::vector<std::string> messages;
  for (const auto& warning : loaded.warnings)
    messages.push_back(ToString(warning.origin) + ": " + warning.message);
  return messages;
}

// --- Which file.

TEST_F(Search, Cfg001NoFileIsAllDefaults) {
  const auto loaded = Find();
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_FALSE(loaded->file);
  EXPECT_TRUE(loaded->origins.empty());
  EXPECT_TRUE(loaded->warnings.empty());
  EXPECT_EQ(loaded->config.artifact_dir, directory_ / "home/.local/share/jammi");
  EXPECT_EQ(loaded->config.engine.batch_size, 8192u);
}

TEST_F(Search, Cfg001DefaultsAreStillOverriddenAndValidated) {
  const auto loaded = Find({{"JAMMI_ENGINE__BATCH_SIZE", "17"}});
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->config.engine.batch_size, 17u);
  EXPECT_FALSE(Find({{"JAMMI_TRAINING__IDLE_POLL_SECS", "0"}}));
}

TEST_F(Search, ExplicitThenVariableThenLocalThenPlatform) {
  const auto home = Write("home/.config/jammi/config.toml", "engine.batch_size = 1");
  EXPECT_EQ(Find()->config.engine.batch_size, 1u);
  EXPECT_EQ(Find()->file, home);
  const auto xdg = Write("xdg/jammi/config.toml", "engine.batch_size = 2");
  const Environment environment = {{"XDG_CONFIG_HOME", (directory_ / "xdg").string()}};
  EXPECT_EQ(Find(environment)->config.engine.batch_size, 2u);
  (void)Write("jammi.toml", "engine.batch_size = 3");
  EXPECT_EQ(Find(environment)->config.engine.batch_size, 3u);
  (void)Write("named.toml", "engine.batch_size = 4");
  const Environment named = {{"JAMMI_CONFIG", "named.toml"}};
  EXPECT_EQ(Find(named)->config.engine.batch_size, 4u);
  (void)Write("explicit.toml", "engine.batch_size = 5");
  const auto loaded = LoadConfig({.path = "explicit.toml",
                                  .environment = named,
                                  .current_directory = directory_,
                                  .log_warnings = false});
  EXPECT_EQ(loaded->config.engine.batch_size, 5u);
  EXPECT_EQ(loaded->file, directory_ / "explicit.toml");
}

TEST_F(Search, Cfg002AFileAskedForByNameMustExist) {
  (void)Write("jammi.toml", "engine.batch_size = 3");
  const auto missing =
      LoadConfig({.path = "gone.toml", .environment = Environment{}, .current_directory = directory_});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message(), HasSubstr("gone.toml"));
  EXPECT_EQ(missing.error().As<ConfigDetail>()->file, "gone.toml");

  const auto variable = Find({{"JAMMI_CONFIG", "gone.toml"}});
  ASSERT_FALSE(variable);
  EXPECT_EQ(variable.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(variable.error().message(), HasSubstr("JAMMI_CONFIG"));
}

TEST_F(Search, AnEmptyJammiConfigIsNotSet) { EXPECT_TRUE(Find({{"JAMMI_CONFIG", ""}})); }

TEST_F(Search, Cfg004AnUnreadableFileIsAnErrorThatNamesIt) {
  std::filesystem::create_directory(directory_ / "jammi.toml");
  const auto loaded = Find();
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message(), HasSubstr("jammi.toml"));
  EXPECT_THAT(loaded.error().message(), HasSubstr("directory"));
}

TEST_F(Search, OtherThanUtf8IsRefused) { EXPECT_THAT(Bad("# \xff\n"), HasSubstr("UTF-8")); }

TEST_F(Search, PlatformDirectories) {
  const auto linux = FindDirectories(Platform::kLinux, {{"HOME", "/home/u"}});
  EXPECT_EQ(linux.config, "/home/u/.config/jammi");
  EXPECT_EQ(linux.data, "/home/u/.local/share/jammi");
  const auto xdg = FindDirectories(Platform::kLinux, {{"XDG_CONFIG_HOME", "/c"}, {"XDG_DATA_HOME", "/d"}});
  EXPECT_EQ(xdg.config, "/c/jammi");
  EXPECT_EQ(xdg.data, "/d/jammi");
  const auto relative = FindDirectories(Platform::kLinux, {{"XDG_DATA_HOME", "d"}, {"HOME", "/h"}});
  EXPECT_EQ(relative.data, "/h/.local/share/jammi");
  EXPECT_FALSE(FindDirectories(Platform::kLinux, {{"HOME", ""}}).data);
  const auto mac = FindDirectories(Platform::kMacos, {{"HOME", "/Users/u"}});
  EXPECT_EQ(mac.config, "/Users/u/Library/Application Support/ai.jammi.jammi");
  EXPECT_EQ(mac.data, mac.config);
  const auto windows = FindDirectories(Platform::kWindows, {{"APPDATA", "/r"}, {"LOCALAPPDATA", "/l"}});
  EXPECT_EQ(windows.config, "/r/jammi/jammi/config");
  EXPECT_EQ(windows.data, "/l/jammi/jammi/data");
}

TEST_F(Search, WithoutAHomeStateIsInTheCurrentDirectory) {
  const auto loaded = LoadConfig({.environment = Environment{}, .current_directory = directory_});
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->config.artifact_dir, directory_ / ".jammi");
}

// --- The text of the file.

TEST_F(FileText, EnvironmentOverFileOverDefault) {
  const auto config = Good("artifact_dir = '/file'\n[engine]\nbatch_size = 5\nexecution_threads = 3\n",
                           {{"JAMMI_ARTIFACT_DIR", "/variable"}, {"JAMMI_ENGINE__BATCH_SIZE", "6"}});
  EXPECT_EQ(config.artifact_dir, "/variable");
  EXPECT_EQ(config.engine.batch_size, 6u);
  EXPECT_EQ(config.engine.execution_threads, 3u);
  EXPECT_EQ(config.engine.memory_limit, "75%");
}

TEST_F(FileText, PathsBecomeAbsolute) {
  const auto config = Good("artifact_dir = 'state/../data'\n[catalog]\nkind = 'sqlite'\npath = 'c.db'\n");
  EXPECT_EQ(config.artifact_dir, directory_ / "data");
  EXPECT_EQ(config.CatalogPath(), directory_ / "c.db");
}

TEST_F(FileText, Cfg003UnknownKeysSectionsAndKindsAreErrorsWithPlaceAndNearestName) {
  EXPECT_EQ(Bad("[engine]\nbatch_sise = 5\n"),
            "jammi.toml:2:1: engine.batch_sise: unknown key; did you mean 'engine.batch_size'?");
  EXPECT_EQ(Bad("\n[catalgo]\nkind = 'sqlite'\n"),
            "jammi.toml:2:2: catalgo: unknown section; did you mean 'catalog'?");
  EXPECT_EQ(
      Bad("[catalog]\nkind = 'sqlit'\n"),
      "jammi.toml:2:8: catalog.kind: unknown value 'sqlit'; it must be one of sqlite, postgres; did you mean "
      "'sqlite'?");
  EXPECT_EQ(Bad("[embedding.ann]\nstorage_precision = 'fp8'\n"),
            "jammi.toml:2:21: embedding.ann.storage_precision: unknown value 'fp8'; it must be one of f32, "
            "f16, int8, "
            "binary; did you mean 'f32'?");
  EXPECT_THAT(Bad("[gpu]\ncompute_precision = 'fp8'\n"),
              HasSubstr("gpu.compute_precision: unknown value 'fp8'"));
}

TEST_F(FileText, Cfg003AKnownKeyInTheWrongSectionIsFound) {
  EXPECT_EQ(Bad("retention_seconds = 5\n"),
            "jammi.toml:1:1: retention_seconds: unknown key; did you mean 'broker.retention_seconds'?");
  EXPECT_EQ(Bad("[ann]\noversample = 5\n"),
            "jammi.toml:1:2: ann: unknown section; did you mean 'embedding.ann'?");
}

TEST_F(FileText, Cfg003AQuotedNameWithADotIsNoPath) {
  EXPECT_THAT(Bad("\"engine.batch_size\" = 5\n"), HasSubstr("unknown key"));
  EXPECT_THAT(Bad("[\"embedding.ann\"]\noversample = 5\n"), HasSubstr("unknown section"));
}

TEST_F(FileText, Cfg003TheDetailHasKeyPlaceAndSuggestion) {
  const auto loaded = Load("[engine]\n  batch_sise = 5\n");
  ASSERT_FALSE(loaded);
  const auto* detail = loaded.error().As<ConfigDetail>();
  ASSERT_NE(detail, nullptr);
  EXPECT_EQ(detail->key, "engine.batch_sise");
  EXPECT_EQ(detail->file, "jammi.toml");
  EXPECT_EQ(detail->line, 2);
  EXPECT_EQ(detail->column, 3);
  EXPECT_EQ(detail->suggestion, "engine.batch_size");
}

TEST_F(FileText, Cfg003WrongTypesAreErrors) {
  EXPECT_EQ(Bad("[engine]\nbatch_size = '5'\n"),
            "jammi.toml:2:14: engine.batch_size: expected a whole number, found a string");
  EXPECT_EQ(Bad("engine = 5\n"), "jammi.toml:1:10: engine: expected a table, found a whole number");
  EXPECT_EQ(Bad("[engine]\nbatch_size = 5.5\n"),
            "jammi.toml:2:14: engine.batch_size: expected a whole number, found a number with a fraction");
  EXPECT_THAT(Bad("[gpu]\nrequire_gpu = 1\n"), HasSubstr("expected true or false, found a whole number"));
  EXPECT_THAT(Bad("artifact_dir = 1979-05-27\n"), HasSubstr("expected a string, found a date or time"));
  EXPECT_THAT(Bad("[server]\npreload_models = ['a', 1]\n"),
              HasSubstr("expected a list of strings, found a list of"));
  EXPECT_THAT(Bad("[[catalog]]\nkind = 'sqlite'\n"), HasSubstr("catalog: expected a table, found a list"));
  EXPECT_THAT(Bad("[inference.http]\nheaders = { a = 1 }\n"), HasSubstr("expected a table of strings"));
  EXPECT_THAT(Bad("[trigger]\nring_bytes = '8 apples'\n"),
              HasSubstr("trigger.ring_bytes: expected a number of bytes"));
}

TEST_F(FileText, TenantsMayHaveQuotasOfTheirOwn) {
  const auto config = Good(
      "[quotas]\nmax_topics = 10\n"
      "[quotas.tenants.\"6f9619ff-8b86-4011-b42d-00cf4fc964ff\"]\nmax_bytes = '1GiB'\nmax_topics = 0\n");
  EXPECT_EQ(config.quotas.max_topics, 10U);
  ASSERT_EQ(config.quotas.tenants.size(), 1U);
  const auto& [tenant, quota] = *config.quotas.tenants.begin();
  EXPECT_EQ(tenant, "6f9619ff-8b86-4011-b42d-00cf4fc964ff");
  EXPECT_EQ(quota.max_bytes, uint64_t{1} << 30);
  EXPECT_EQ(quota.max_topics, 0U);
  EXPECT_EQ(quota.events_per_second, std::nullopt);
}

TEST_F(FileText, WrongQuotasOfTenantsAreNamed) {
  const std::string tenant = "[quotas.tenants.6f9619ff-8b86-4011-b42d-00cf4fc964ff]\n";
  EXPECT_THAT(Bad(tenant + "max_topic = 1\n"),
              AllOf(HasSubstr("quotas.tenants: unknown key 'max_topic'"), HasSubstr("'max_topics'")));
  EXPECT_THAT(Bad(tenant + "max_topics = -1\n"), HasSubstr("max_topics of '6f9619ff-"));
  EXPECT_THAT(Bad(tenant + "max_topics = true\n"), HasSubstr("expected a table of tables of whole numbers"));
  EXPECT_THAT(Bad("[quotas.tenants.nobody]\nmax_topics = 1\n"), HasSubstr("'nobody' is no tenant"));
  EXPECT_THAT(Bad("[quotas.tenants.6F9619FF-8B86-4011-B42D-00CF4FC964FF]\n"), HasSubstr("lower case"));
  EXPECT_THAT(Bad("[quotas]\nmax_topics = -1\n"), HasSubstr("quotas.max_topics: must be 0 to"));
}

TEST_F(FileText, Cfg004TomlErrorsHaveTheirPlace) {
  EXPECT_THAT(Bad("[engine]\nbatch_size = \n"), StartsWith("jammi.toml:2:"));
  EXPECT_THAT(Bad("a = 1\na = 2\n"), StartsWith("jammi.toml:2:"));
  EXPECT_THAT(Bad("artifact_dir = \"abc\n"), StartsWith("jammi.toml:1:"));
}

TEST_F(FileText, AllProblemsAreReportedInOrder) {
  EXPECT_EQ(Bad("[gpu]\nrequire_gpu = 'yes'\n[engine]\nbatch_size = 0\nmemory_limt = '5%'\n",
                {{"JAMMI_LOGGING__FORMAT", "xml"}}),
            "jammi.toml:2:15: gpu.require_gpu: expected true or false, found a string\n"
            "jammi.toml:4:14: engine.batch_size: must be 1 to 16777216, and is 0\n"
            "jammi.toml:5:1: engine.memory_limt: unknown key; did you mean 'engine.memory_limit'?\n"
            "environment variable JAMMI_LOGGING__FORMAT: logging.format: unknown value 'xml'; it must be one "
            "of text, "
            "json");
}

TEST_F(FileText, AHugeFileIsRefused) {
  EXPECT_THAT(Bad(std::string((16 << 20) + 1, ' ')), HasSubstr("larger than 16 MiB"));
}

TEST_F(FileText, ColumnsAreThoseOfTheFileDespiteReplacedVariables) {
  const Environment environment = {{"LONG", "a-long-value"}, {"S", "x"}};
  EXPECT_THAT(Bad("catalog = { kind = 'sqlite', path = \"${LONG}$$é\", pth = 1 }\n", environment),
              StartsWith("jammi.toml:1:51: catalog.pth"));
}

TEST_F(FileText, ATomlErrorNeverShowsAValueThatStandsForToml) {
  const auto message =
      Bad("[catalog]\nkind = \"postgres\"\nurl = ${PASSWORD}\n", {{"PASSWORD", "hunter2 x"}});
  EXPECT_THAT(message, StartsWith("jammi.toml:3:"));
  EXPECT_THAT(message, HasSubstr("${PASSWORD}"));
  EXPECT_THAT(message, Not(HasSubstr("hunter2")));
}

TEST_F(FileText, AZeroByteIsRefused) {
  EXPECT_THAT(Bad("artifact_dir = \"/data\\u0000/x\"\n"),
              HasSubstr("jammi.toml:1:16: artifact_dir: must not contain a zero byte"));
  EXPECT_THAT(Bad("[server]\npreload_models = [\"a\\u0000\"]\n"), HasSubstr("zero byte"));
  EXPECT_THAT(Bad("[inference.http]\nheaders = { a = \"\\u0000\" }\n"), HasSubstr("zero byte"));
}

// --- Variables.

TEST_F(Variables, OtherThanUtf8IsRefused) {
  EXPECT_THAT(Bad("", {{"JAMMI_ARTIFACT_DIR", "/\xff"}}),
              StartsWith("environment variable JAMMI_ARTIFACT_DIR: artifact_dir: is no UTF-8"));
}

TEST_F(Variables, Cfg010NumbersAndBoolsThatDoNotParseAreErrorsNamingTheVariable) {
  for (const auto* text : {"12x", "", " 5", "5 ", "0x10", "1.5", "99999999999999999999"}) {
    EXPECT_THAT(Bad("", {{"JAMMI_ENGINE__BATCH_SIZE", text}}),
                StartsWith("environment variable JAMMI_ENGINE__BATCH_SIZE: engine.batch_size: "))
        << text;
  }
  for (const auto* text : {"TRUE", "yes", "1", "", " true"}) {
    EXPECT_THAT(Bad("", {{"JAMMI_GPU__REQUIRE_GPU", text}}), HasSubstr("expected true or false")) << text;
  }
  EXPECT_THAT(Bad("", {{"JAMMI_GPU__MEMORY_FRACTION", "nan"}}), HasSubstr("must be above 0 to 1"));
  EXPECT_TRUE(Good("", {{"JAMMI_GPU__REQUIRE_GPU", "true"}}).gpu.require_gpu);
  EXPECT_EQ(Good("", {{"JAMMI_GPU__DEVICE", "-1"}}).gpu.device, -1);
}

TEST_F(Variables, Cfg011UnknownChoicesAreErrors) {
  EXPECT_EQ(Good("", {{"JAMMI_INFERENCE__DEFAULT_BACKEND", "ort"}}).inference.default_backend,
            InferenceBackend::kOrt);
  EXPECT_THAT(Bad("", {{"JAMMI_INFERENCE__DEFAULT_BACKEND", "otr"}}), HasSubstr("did you mean 'ort'?"));
  EXPECT_THAT(Bad("", {{"JAMMI_LOGGING__FORMAT", "JSON"}}), HasSubstr("one of text, json"));
}

TEST_F(Variables, Cfg012Services) {
  const auto services = [&](const char* text) {
    return Good("", {{"JAMMI_SERVER__SERVICES", text}}).server.services;
  };
  EXPECT_TRUE(services(" ALL ").all);
  EXPECT_FALSE(services("").all);
  EXPECT_THAT(services("").Enabled(), ElementsAre("core"));
  EXPECT_THAT(services(" train ,, event").tiers, ElementsAre("train", "event"));
  EXPECT_THAT(services(" train ,, event").Enabled(), ElementsAre("core", "event", "train"));
  EXPECT_THAT(Bad("", {{"JAMMI_SERVER__SERVICES", "trian"}}), HasSubstr("did you mean 'train'?"));
}

TEST_F(Variables, Cfg013ThePatternIsGeneralAndUnknownNamesInItAreErrors) {
  EXPECT_EQ(Good("", {{"JAMMI_EMBEDDING__ANN__OVERSAMPLE", "9"}}).embedding.ann.oversample, 9u);
  EXPECT_EQ(Bad("", {{"JAMMI_ENGINE__BATCHSIZE", "5"}}),
            "environment variable JAMMI_ENGINE__BATCHSIZE: names no setting; did you mean "
            "'JAMMI_ENGINE__BATCH_SIZE'?");
  EXPECT_THAT(Bad("", {{"JAMMI_INFERENCE__HTTP__HEADERS", "x"}}), HasSubstr("names no setting"));
}

TEST_F(Variables, ForeignVariablesAreLeftAloneAndSlipsWarnedAbout) {
  const auto loaded = Find({{"JAMMI_TEST_PG_URL", "x"},
                            {"JAMMI_AUDIT_MASTER_KEY", "x"},
                            {"JAMMI_AUDIT_RETIRED_KEYS", "x"},
                            {"JAMMI_AUDIT_MAX_LINEAGE_BYTES", "x"},
                            {"JAMMI_WORKER_ID", "x"},
                            {"JAMMI_SERVER_PORT_8081_TCP", "x"},
                            {"JAMMI_OTHER__THING", "x"},
                            {"JAMMI_ENGINE_BATCH_SIZE", "5"}});
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_THAT(
      Messages(*loaded),
      ElementsAre(
          "environment variable JAMMI_ENGINE_BATCH_SIZE: JAMMI_ENGINE_BATCH_SIZE is not used; did you "
          "mean JAMMI_ENGINE__BATCH_SIZE?"));
}

TEST_F(Variables, ChooseTheKindAndItsFields) {
  const auto config = Good("", {{"JAMMI_CATALOG__KIND", "postgres"},
                                {"JAMMI_CATALOG__URL", "postgres://h/d"},
                                {"JAMMI_CATALOG__POOL_SIZE", "3"}});
  const auto& postgres = std::get<PostgresCatalogConfig>(config.catalog);
  EXPECT_EQ(postgres.url.Reveal(), "postgres://h/d");
  EXPECT_EQ(postgres.pool_size, 3u);
  EXPECT_THAT(Bad("", {{"JAMMI_CATALOG__POOL_SIZE", "3"}}),
              HasSubstr("catalog.pool_size: goes with catalog.kind = \"postgres\", and it is \"sqlite\""));
  EXPECT_THAT(Bad("", {{"JAMMI_STORAGE__CLOUD__REGION", "eu"}}),
              HasSubstr("goes with storage.cloud.kind = \"s3\", and it is not set"));
}

TEST_F(Variables, AKindFromTheEnvironmentLeavesTheFilesFieldsUnusedAndSaysSo) {
  const auto loaded = Load("[catalog]\nkind = 'postgres'\nurl = 'postgres://h/d'\npool_size = 3\n",
                           {{"JAMMI_CATALOG__KIND", "sqlite"}});
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_TRUE(std::holds_alternative<SqliteCatalogConfig>(loaded->config.catalog));
  EXPECT_THAT(
      Messages(*loaded),
      ElementsAre("jammi.toml:4:1: catalog.pool_size is not used: a variable has chosen another catalog.kind",
                  "jammi.toml:3:1: catalog.url is not used: a variable has chosen another catalog.kind"));
}

TEST_F(Variables, TheProcessEnvironmentIsTheDefault) {
  ASSERT_EQ(::setenv("JAMMI_TRIGGER__PAGE_EVENTS", "77", 1), 0);
  const auto loaded = LoadConfig({.current_directory = directory_});
  ::unsetenv("JAMMI_TRIGGER__PAGE_EVENTS");
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_EQ(loaded->config.trigger.page_events, 77u);
}

// --- The example that ships.

TEST_F(FileText, TheSampleForPostgresAndJetStreamLoads) {
  const auto load = [&](Environment environment) {
    return LoadConfig({.path = JAMMI_SOURCE_DIR "/examples/sample-postgres.toml",
                       .environment = std::move(environment),
                       .current_directory = directory_});
  };
  const auto loaded =
      load({{"POSTGRES_URL", "postgres://jammi:p\"w@db:5432/jammi"}, {"NATS_HOST", "nats.example"}});
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_TRUE(loaded->warnings.empty());
  EXPECT_EQ(loaded->config.artifact_dir, "/var/lib/jammi");
  const auto& catalog = std::get<PostgresCatalogConfig>(loaded->config.catalog);
  EXPECT_EQ(catalog.url.Reveal(), "postgres://jammi:p\"w@db:5432/jammi");
  EXPECT_EQ(catalog.pool_size, 16u);
  EXPECT_EQ(catalog.max_lifetime_secs, 1800u);
  const auto& broker = std::get<JetStreamBrokerConfig>(loaded->config.broker);
  EXPECT_EQ(broker.url.Reveal(), "nats://nats.example:4222");
  EXPECT_EQ(broker.retention_seconds, 604'800u);
  EXPECT_EQ(broker.credentials_path, "/var/run/secrets/nats.creds");

  const auto unset = load({{"POSTGRES_URL", "postgres://h/d"}});
  ASSERT_FALSE(unset);
  EXPECT_THAT(unset.error().message(), HasSubstr("NATS_HOST is not set"));
}

// --- Origins and warnings.

TEST_F(Origins, SayWhereEachValueWasMade) {
  const auto loaded = Load("artifact_dir = '/a'\n[trigger]\n  page_events = 5\npage_bytes = '2MiB'\n",
                           {{"JAMMI_TRIGGER__PAGE_BYTES", "4096"}});
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_EQ(loaded->file, directory_ / "jammi.toml");
  EXPECT_EQ(ToString(loaded->origins.at("artifact_dir")), "jammi.toml:1:16");
  EXPECT_EQ(ToString(loaded->origins.at("trigger.page_events")), "jammi.toml:3:17");
  EXPECT_EQ(ToString(loaded->origins.at("trigger.page_bytes")),
            "environment variable JAMMI_TRIGGER__PAGE_BYTES");
  EXPECT_FALSE(loaded->origins.contains("trigger.ring_bytes"));
  EXPECT_EQ(ToString(ConfigOrigin{}), "default");
}

TEST_F(Warnings, WhatNothingReadsIsNamed) {
  const auto loaded = Load("[fine_tuning]\ndefault_epochs = 5\n", {{"JAMMI_GPU__DEVICE", "1"}});
  ASSERT_TRUE(loaded);
  EXPECT_THAT(
      Messages(*loaded),
      ElementsAre("environment variable JAMMI_GPU__DEVICE: gpu.device is set but not used by this version",
                  "jammi.toml:2:18: fine_tuning.default_epochs is set but not used by this version"));
}

TEST_F(Warnings, AreOneLogLine) {
  (void)Write("jammi.toml", "[fine_tuning]\ndefault_epochs = 5\n[gpu]\ndevice = 1\n");
  testing::internal::CaptureStderr();
  const auto loaded = LoadConfig({.environment = Environment{}, .current_directory = directory_});
  const auto log = testing::internal::GetCapturedStderr();
  ASSERT_TRUE(loaded);
  EXPECT_THAT(log, HasSubstr("configuration: gpu.device is set but not used by this version; fine_tuning."));
  EXPECT_EQ(std::ranges::count(log, '\n'), 1);
}

}  // namespace
}  // namespace jammi
