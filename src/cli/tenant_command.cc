// jammi tenant get|set|clear
#include <fmt/format.h>
#include <google/protobuf/empty.pb.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/remote.h"
#include "cli/report.h"
#include "jammi/ids.h"
#include "jammi/v1/catalog.pb.h"

namespace jammi {
namespace {

namespace catalog = v1::catalog;

// A command without --session has a session of its own, which nobody sees again.
Result<void> NeedSession(const RemoteCall& call) {
  if (!call.options.session.empty()) return {};
  return Error(
      ErrorCode::kInvalidArgument,
      "a tenant is bound to a session: name one with --session or JAMMI_SESSION (any text, such as the "
      "output of uuidgen); for a single command, --tenant is enough");
}

Result<void> Print(const RemoteCall& call, const std::string& tenant) {
  if (call.json()) {
    nlohmann::ordered_json json = {{"session", call.options.session}, {"tenant_id", nullptr}};
    if (!tenant.empty()) json["tenant_id"] = tenant;
    PrintJson(call.out, json);
  } else {
    call.out << (tenant.empty() ? std::string(kDash) : Printable(tenant)) << '\n';
  }
  return {};
}

Result<void> Get(const RemoteCall& call) {
  JAMMI_TRY(NeedSession(call));
  JAMMI_ASSIGN(const auto answer,
               call.channel.Call<catalog::GetTenantResponse>("/jammi.v1.catalog.CatalogService/GetTenant",
                                                             google::protobuf::Empty()));
  return Print(call, answer.tenant().id());
}

Result<void> Set(const RemoteCall& call, const std::string& tenant) {
  JAMMI_TRY(NeedSession(call));
  JAMMI_ASSIGN(const TenantId id, TenantId::Parse(tenant));
  catalog::SetTenantRequest request;
  request.mutable_tenant()->set_id(id.ToString());
  google::protobuf::Empty nothing;
  JAMMI_TRY(call.channel.CallInto("/jammi.v1.catalog.CatalogService/SetTenant", request, nothing));
  return Print(call, id.ToString());
}

Result<void> Clear(const RemoteCall& call) {
  JAMMI_TRY(NeedSession(call));
  google::protobuf::Empty nothing;
  JAMMI_TRY(call.channel.CallInto("/jammi.v1.catalog.CatalogService/ClearTenant", google::protobuf::Empty(),
                                  nothing));
  return Print(call, "");
}

}  // namespace

void AddTenantCommand(CLI::App& app, const RemotePtr& remote) {
  const auto tenant = std::make_shared<std::string>();
  auto* group = AddGroup(app, "tenant", "The tenant that a session is bound to");
  AddRemoteCommand(*group, remote,
                   {.name = "get",
                    .description = "Print it",
                    .examples = "jammi tenant get --session $JAMMI_SESSION",
                    .verb = Get});
  AddRemoteCommand(*group, remote,
                   {.name = "set",
                    .description = "Bind the session; every later command of it acts for the tenant",
                    .examples = "export JAMMI_SESSION=$(uuidgen)\n"
                                "jammi tenant set 018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e9a",
                    .verb = [tenant](const RemoteCall& call) { return Set(call, *tenant); }})
      ->add_option("tenant", *tenant, "The tenant")
      ->type_name("UUID")
      ->required();
  AddRemoteCommand(*group, remote,
                   {.name = "clear",
                    .description = "Unbind the session",
                    .examples = "jammi tenant clear --session $JAMMI_SESSION",
                    .verb = Clear});
}

}  // namespace jammi
