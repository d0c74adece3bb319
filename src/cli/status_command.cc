// jammi status, jammi health
#include <fmt/format.h>
#include <google/protobuf/empty.pb.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/remote.h"
#include "cli/report.h"
#include "jammi/v1/catalog.pb.h"

namespace jammi {
namespace {

using v1::catalog::ServerInfo;

Result<ServerInfo> Ask(const RemoteCall& call) {
  return call.channel.Call<ServerInfo>("/jammi.v1.catalog.CatalogService/GetServerInfo",
                                       google::protobuf::Empty());
}

std::vector<std::string> Texts(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

Result<void> Status(const RemoteCall& call) {
  JAMMI_ASSIGN(const ServerInfo info, Ask(call));
  if (call.json()) {
    PrintJson(call.out, {{"version", info.version()},
                         {"features", Texts(info.features())},
                         {"storage_backends", Texts(info.storage_backends())},
                         {"services", Texts(info.services())},
                         {"broker", info.broker()}});
    return {};
  }
  call.out << fmt::format(
      "version:          {}\nfeatures:         {}\nstorage_backends: {}\nservices:         {}\n",
      Printable(info.version()), Joined(Texts(info.features())), Joined(Texts(info.storage_backends())),
      Joined(Texts(info.services())));
  return {};
}

// A server that answers is one that serves; what it may not do at the moment is on its HTTP port (/readyz).
Result<void> Health(const RemoteCall& call) {
  const auto began = std::chrono::steady_clock::now();
  JAMMI_ASSIGN(const ServerInfo info, Ask(call));
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
  if (call.json()) {
    PrintJson(call.out,
              {{"status", "serving"}, {"version", info.version()}, {"answered_in_ms", took.count()}});
    return {};
  }
  call.out << fmt::format("{} is serving (version {}, answered in {:.1f} ms).\n", call.options.target,
                          Printable(info.version()), took.count());
  return {};
}

}  // namespace

void AddStatusCommands(CLI::App& app, const RemotePtr& remote) {
  AddRemoteCommand(app, remote,
                   {.name = "status",
                    .description = "Say what the server is and what it offers",
                    .examples = "jammi status\njammi --target grpcs://db.example:8081 status --output json",
                    .verb = Status});
  AddRemoteCommand(app, remote,
                   {.name = "health",
                    .description = "Say whether the server answers, for scripts: exit status 0, or 1",
                    .examples = "jammi health",
                    .verb = Health});
}

}  // namespace jammi
