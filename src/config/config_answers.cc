#include "config/config_answers.h"

#include <fmt/format.h>

#include <ostream>
#include <string>

#include "config/report.h"

namespace jammi {
namespace {

// The warnings are printed, not logged.
Result<LoadedConfig> Load(LoadOptions options) {
  options.log_warnings = false;
  return LoadConfig(options);
}

int Fail(std::ostream& err, const Error& error) {
  err << error.message() << '\n';
  return 1;
}

void PrintWarnings(std::ostream& stream, const LoadedConfig& loaded) {
  for (const auto& warning : loaded.warnings) {
    stream << fmt::format("warning: {}: {}\n", ToString(warning.origin), warning.message);
  }
}

std::string Summary(const LoadedConfig& loaded) {
  size_t from_file = 0;
  size_t from_variables = 0;
  for (const auto& [key, origin] : loaded.origins) {
    ++(origin.source == ConfigOrigin::Source::kFile ? from_file : from_variables);
  }
  const auto file = loaded.file ? loaded.file->string() : "no file (every setting has its default)";
  return fmt::format("checked: {}\nsettings from the file: {}, from the environment: {}\n", file, from_file,
                     from_variables);
}

}  // namespace

int CheckConfiguration(const LoadOptions& options, std::ostream& out, std::ostream& err) {
  const auto loaded = Load(options);
  if (!loaded) return Fail(err, loaded.error());
  out << Summary(*loaded);
  PrintWarnings(out, *loaded);
  if (const auto supported = CheckSupported(loaded->config); !supported) return Fail(err, supported.error());
  out << "ok\n";
  return 0;
}

int PrintConfiguration(const LoadOptions& options, ConfigurationForm form, std::ostream& out,
                       std::ostream& err) {
  const auto loaded = Load(options);
  if (!loaded) return Fail(err, loaded.error());
  const bool json = form == ConfigurationForm::kJson;
  out << (json ? ShowAsJson(*loaded) : ShowAsToml(*loaded));
  if (!json) PrintWarnings(err, *loaded);
  return 0;
}

}  // namespace jammi
