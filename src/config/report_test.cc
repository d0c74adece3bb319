// What is shown of a configuration: whole, true, and without its secrets.
#include "config/report.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "config/config_test_support.h"
#include "config/settings.h"

namespace jammi {
namespace {

using testing::HasSubstr;
using testing::Not;

using Show = ConfigTest;

constexpr const char* kEverySecret = R"(
[catalog]
kind = "postgres"
url = "postgres://u:hunter2@h/d"
[broker]
kind = "jet_stream"
url = "nats://u:hunter2@h"
[events]
url = "nats://u:hunter2@h"
[inference.http]
headers = { Authorization = "Bearer hunter2" }
[storage.cloud]
kind = "s3"
access_key_id = "id"
secret_access_key = "hunter2"
session_token = "hunter2"
)";

TEST_F(Show, TomlHidesSecrets) {
  const auto text = ShowAsToml(*Load(kEverySecret));
  EXPECT_THAT(text, Not(HasSubstr("hunter2")));
  EXPECT_THAT(text, HasSubstr("# url = [secret]  # jammi.toml:4:7\n"));
  EXPECT_THAT(text, HasSubstr("access_key_id = \"id\"  # jammi.toml:14:17\n"));
  EXPECT_THAT(text, HasSubstr("# region is not set\n"));
}

TEST_F(Show, JsonHidesSecrets) {
  const auto text = ShowAsJson(*Load(kEverySecret));
  EXPECT_THAT(text, Not(HasSubstr("hunter2")));
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json["settings"]["catalog.url"]["value"], "[secret]");
  EXPECT_EQ(json["settings"]["storage.cloud.region"]["value"], nullptr);
  EXPECT_EQ(json["settings"]["catalog.pool_size"]["value"], 8);
  EXPECT_EQ(json["settings"]["catalog.pool_size"]["origin"]["source"], "default");
  EXPECT_EQ(json["settings"]["catalog.url"]["origin"]["line"], 4);
  EXPECT_FALSE(json["settings"].contains("catalog.path"));  // of another kind
  EXPECT_EQ(json["file"], (directory_ / "jammi.toml").string());
  EXPECT_FALSE(json["warnings"].empty());
}

TEST_F(Show, ErrorsHideSecrets) {
  EXPECT_THAT(Bad("[catalog]\nkind = 'postgres'\nurl = 'hunter2'\n"), Not(HasSubstr("hunter2")));
  EXPECT_THAT(Bad("[catalog]\nkind = 'postgres'\nurl = ['hunter2']\n"), Not(HasSubstr("hunter2")));
  EXPECT_THAT(Bad("", {{"JAMMI_CATALOG__KIND", "postgres"}, {"JAMMI_CATALOG__URL", "hunter2"}}),
              Not(HasSubstr("hunter2")));
}

// What was shown, given back as the file, means the same.
TEST_F(Show, TomlIsAConfigurationFile) {
  const auto first = Load(R"(
artifact_dir = "with \"quotes\" and ${NAME}"
[catalog]
kind = "sqlite"
path = "c.db"
[trigger]
ring_bytes = 1500
[server]
services = ["train"]
preload_models = ["a", "b\n"]
[storage]
result_root = "$${not a variable} $$$$ $1 $"
[gpu]
memory_fraction = 1
)",
                          {{"NAME", "value"}});
  ASSERT_TRUE(first) << first.error().message();
  const auto shown = ShowAsToml(*first);
  const auto second = Load(shown);
  ASSERT_TRUE(second) << second.error().message() << shown;
  for (const auto& setting : AllSettings()) {
    EXPECT_EQ(setting.get(first->config), setting.get(second->config)) << setting.key;
  }
}

#if defined(JAMMI_HAS_POSTGRES) && defined(JAMMI_HAS_NATS)  // the page is of a build with everything
TEST(ConfigurationPage, IsCurrent) {
  std::ifstream file(JAMMI_SOURCE_DIR "/docs/configuration.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  EXPECT_TRUE(page == ConfigurationPage()) << "docs/configuration.md differs; write it anew with: cmake "
                                              "--build build/ci --target configuration_page";
}
#endif

TEST(ConfigurationPage, NamesEverySettingKindAndVariable) {
  const auto page = ConfigurationPage();
  for (const auto& setting : AllSettings()) {
    const auto name = setting.key.substr(setting.key.rfind('.') + 1);
    const auto variable = EnvironmentName(setting);
    const auto cell = variable.empty() ? "" : "<br>`" + variable + "`";
    EXPECT_THAT(page, HasSubstr("| `" + std::string(name) + "`" + cell + " |"));
  }
  for (const auto& section : AllTaggedSections()) {
    for (const auto& kind : section.kinds)
      EXPECT_THAT(page, HasSubstr("kind = \"" + std::string(kind.name) + "\"`"));
  }
}

}  // namespace
}  // namespace jammi
