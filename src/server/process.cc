#include "server/process.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <optional>
#include <ostream>
#include <string>

#include "access/token_file.h"
#include "base/log_output.h"
#include "command_line/command_line.h"
#include "config/config_answers.h"
#include "config/environment.h"
#include "http/ready_check.h"
#include "jammi/config.h"
#include "server/arrow_memory.h"
#include "server/exposure.h"
#include "server/server.h"
#include "server/service_manager.h"
#include "server/signals.h"
#include "server/tiers.h"
#include "server/tls_files.h"

namespace jammi {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds kHealthLimit{5'000};

constexpr const char* kFooter = R"(
Everything else is set in the file and by variables: docs/configuration.md, or `jammi config docs`.

Exit status: 0 ended as asked, 1 it could not start or what was asked failed, 2 wrong usage.)";

struct Arguments {
  std::optional<std::string> config;
  std::optional<std::string> health;
  bool check_config = false;
  bool print_config = false;
};

void AddOptions(CLI::App& app, Arguments* arguments) {
  app.set_version_flag("--version", "jammi-server " JAMMI_VERSION, "Print the version");
  app.footer(kFooter);
  app.add_option("--config", arguments->config,
                 "The configuration file; else $JAMMI_CONFIG, ./jammi.toml, or the one of the platform")
      ->type_name("FILE");
  auto* check = app.add_flag("--check-config", arguments->check_config,
                             "Say whether the server can start with the configuration, and do not start");
  app.add_flag("--print-config", arguments->print_config,
               "Print the values in force and where each comes from, and do not start; secrets stay hidden")
      ->excludes(check);
  app.add_option("--health", arguments->health,
                 "Ask the server whose health port is there whether it is ready, and do not start")
      ->type_name("ADDRESS");
}

std::string OneLine(std::string text) {
  for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos;) text.replace(at, 1, "; ");
  return text;
}

// SRV-060: RUST_LOG has precedence if it can be read.
void StartLog(const LoggingConfig& logging, const Environment& environment) {
  const auto format = logging.format == LoggingFormat::kJson ? LogFormat::kJson : LogFormat::kText;
  const auto* variable = FindVariable(environment, "RUST_LOG");
  const auto asked = variable != nullptr ? ParseLogFilter(*variable) : ParseLogFilter(logging.level);
  const auto filter = asked ? asked : ParseLogFilter(logging.level);
  SetLogOutput(LogStream::kOutput, filter ? *filter : *ParseLogFilter("info"), format);
  if (!asked) Log(LogLevel::kWarning, "RUST_LOG has no effect: {}", asked.error().message());
}

void LogStart(const LoadedConfig& loaded) {
  const auto file = loaded.file ? loaded.file->string() : "no configuration file";
  Log(LogLevel::kInfo, "jammi-server {} starts: {}, state in {}", JAMMI_VERSION, file,
      loaded.config.artifact_dir.string());
  for (const auto& warning : loaded.warnings) {
    Log(LogLevel::kWarning, "{}: {}", ToString(warning.origin), warning.message);
  }
}

void Reload(Server& server, ServiceManager& manager) {
  manager.Reloading();
  if (const auto reloaded = server.Reload(); reloaded) {
    Log(LogLevel::kInfo, "SIGHUP: tokens and certificates were read again");
  } else {
    // One of them may have been read: whoever was put out by it is out.
    Log(LogLevel::kError, "SIGHUP: not all could be read again, and of that the old stays in force: {}",
        reloaded.error().message());
  }
  manager.Ready();
}

// Until a signal to stop.
void AwaitStop(Server& server, ServerSignals& signals, ServiceManager& manager) {
  for (;;) {
    const auto signal = signals.Await(manager.alive_every());
    if (signal == ServerSignal::kStop) return;
    if (signal == ServerSignal::kReload) Reload(server, manager);
    if (manager.alive_every()) manager.Alive();
  }
}

void Stop(Server& server, uint64_t drain_secs) {
  const auto began = SteadyClock::now();
  Log(LogLevel::kInfo, "stopping: calls under way have {} s, a second signal ends them at once", drain_secs);
  server.Drain(Deadline::After(std::chrono::seconds(drain_secs)));
  Log(LogLevel::kInfo, "stopped after {} ms",
      std::chrono::duration_cast<milliseconds>(SteadyClock::now() - began).count());
}

int Serve(const LoadedConfig& loaded, const Environment& environment, std::ostream& out) {
  const auto began = SteadyClock::now();
  ShareAllocatorWithArrow();
  ServerSignals signals;
  ServiceManager manager(environment);
  StartLog(loaded.config.logging, environment);
  LogStart(loaded);
  const auto server = Server::Start(loaded.config);
  if (!server) {
    Log(LogLevel::kError, "cannot start: {}", OneLine(server.error().ToString()));
    return 1;
  }
  out << fmt::format("jammi-server listening flight={} health={}\n", (*server)->flight_address(),
                     (*server)->health_address())
      << std::flush;
  Log(LogLevel::kInfo, "ready after {} ms",
      std::chrono::duration_cast<milliseconds>(SteadyClock::now() - began).count());
  manager.Ready();
  AwaitStop(**server, signals, manager);
  manager.Stopping();
  signals.ExitOnNextStop();
  Stop(**server, loaded.config.server.drain_secs);
  return 0;
}

// Who could reach the server; and what the configuration names and a start reads, as SIGHUP does.
Result<void> CheckStart(const ServerConfig& config) {
  JAMMI_TRY(CheckTiers(config.services));
  JAMMI_TRY(CheckExposure(config));
  if (const auto tls = ReadTlsFiles(config); !tls) return tls.error();
  if (!config.token_path) return {};
  auto tokens = ReadTokenFile(*config.token_path);
  if (!tokens) return std::move(tokens).error().While("server.token_path");
  return {};
}

// W-15
int Check(const LoadOptions& options, std::ostream& out, std::ostream& err) {
  if (const auto loaded = LoadConfig(options); loaded) {
    if (const auto start = CheckStart(loaded->config.server); !start) {
      err << fmt::format("jammi-server: {}\n", OneLine(start.error().message()));
      return 1;
    }
  }
  return CheckConfiguration(options, out, err);  // it says what is wrong with the configuration itself
}

// W-16
int AskHealth(const std::string& address, std::ostream& out, std::ostream& err) {
  if (const auto ready = CheckReady(address, kHealthLimit); !ready) {
    err << fmt::format("jammi-server: {}\n", OneLine(ready.error().message()));
    return 1;
  }
  out << "ready\n";
  return 0;
}

}  // namespace

int RunServer(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  CLI::App app("Serves a Jammi engine: gRPC on one port, health and metrics on another.", "jammi-server");
  Arguments arguments;
  AddOptions(app, &arguments);
  if (const auto answered = ParseCommandLine(app, argc, argv, out, err)) return *answered;

  if (arguments.health) return AskHealth(*arguments.health, out, err);
  const Environment environment = ProcessEnvironment();
  LoadOptions options{.environment = environment, .log_warnings = false};
  if (arguments.config) options.path = *arguments.config;
  if (arguments.check_config) return Check(options, out, err);
  if (arguments.print_config) return PrintConfiguration(options, ConfigurationForm::kToml, out, err);

  const auto loaded = LoadConfig(options);
  if (!loaded) {
    err << fmt::format("jammi-server: failed to load config: {}\n", OneLine(loaded.error().message()));
    return 1;
  }
  return Serve(*loaded, environment, out);
}

}  // namespace jammi
