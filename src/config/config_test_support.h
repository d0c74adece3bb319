// A directory with a configuration file, and an environment of its own.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "jammi/config.h"

namespace jammi {

class ConfigTest : public testing::Test {
 protected:
  ConfigTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "jammi_config_XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~ConfigTest() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::filesystem::path Write(const std::string& name, std::string_view text) const {
    const auto path = directory_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  // Loads without a file being named.
  [[nodiscard]] Result<LoadedConfig> Find(Environment environment = {}) const {
    environment.try_emplace("HOME", (directory_ / "home").string());
    return LoadConfig(
        {.environment = std::move(environment), .current_directory = directory_, .log_warnings = false});
  }

  // Loads this text as ./jammi.toml.
  [[nodiscard]] Result<LoadedConfig> Load(std::string_view text, Environment environment = {}) const {
    (void)Write("jammi.toml", text);
    return Find(std::move(environment));
  }

  // The config of a text that must load.
  [[nodiscard]] Config Good(std::string_view text, Environment environment = {}) const {
    auto loaded = Load(text, std::move(environment));
    EXPECT_TRUE(loaded) << loaded.error().message();
    return loaded ? loaded->config : Config{};
  }

  // The message of a text that must not.
  [[nodiscard]] std::string Bad(std::string_view text, Environment environment = {}) const {
    const auto loaded = Load(text, std::move(environment));
    EXPECT_FALSE(loaded) << "loaded: " << text;
    if (loaded) return {};
    EXPECT_EQ(loaded.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(loaded.error().As<ConfigDetail>(), nullptr);
    return loaded.error().message();
  }

  std::filesystem::path directory_;
};

}  // namespace jammi
