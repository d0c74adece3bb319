// jammi backup
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/remote.h"
#include "cli/report.h"
#include "jammi/ext/v1/operations.pb.h"

namespace jammi {
namespace {

Result<void> Backup(const RemoteCall& call, const std::string& name) {
  ext::v1::BackupRequest request;
  request.set_name(name);
  JAMMI_ASSIGN(const auto backup,
               call.channel.Call<ext::v1::BackupResponse>("/jammi.ext.v1.OperationsService/Backup", request));
  if (call.json()) {
    PrintJson(call.out,
              {{"path", backup.path()}, {"bytes", backup.bytes()}, {"incarnation", backup.incarnation()}});
  } else {
    call.out << fmt::format("Backed up to {} on the server ({} bytes, incarnation {}).\n",
                            Printable(backup.path()), backup.bytes(), Printable(backup.incarnation()));
  }
  return {};
}

}  // namespace

void AddBackupCommand(CLI::App& app, const RemotePtr& remote) {
  const auto name = std::make_shared<std::string>();
  AddRemoteCommand(app, remote,
                   {.name = "backup",
                    .description = "Have the server back up its SQLite catalog, while it runs",
                    .examples = "jammi backup monday.db\njammi backup \"$(date +%F).db\" --output json",
                    .verb = [name](const RemoteCall& call) { return Backup(call, *name); },
                    .call_timeout = std::chrono::hours(24)})
      ->add_option("name", *name, "Of the new file in the server's directory (server.backup_path)")
      ->type_name("NAME")
      ->required();
}

}  // namespace jammi
