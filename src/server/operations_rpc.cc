// jammi.ext.v1.OperationsService
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>
#include <variant>

#include "jammi/catalog_admin.h"
#include "jammi/ext/v1/operations.pb.h"
#include "server/services.h"

namespace jammi {
namespace {

namespace ext_wire = ::jammi::ext::v1;

constexpr size_t kMaxName = 200;
constexpr std::string_view kUnfinished = ".partial";  // what BackupCatalog() writes to meanwhile

// A name and nothing else: it cannot leave the directory, hide in it, or be another backup's unfinished file.
Result<void> CheckName(std::string_view name) {
  const auto fit = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (!name.empty() && name.size() <= kMaxName && name.front() != '.' && std::ranges::all_of(name, fit) &&
      !name.ends_with(kUnfinished)) {
    return {};
  }
  return Error(
      ErrorCode::kInvalidArgument,
      fmt::format("name: 1 to {} letters, digits, '.', '_' and '-' are wanted, not beginning with '.' "
                  "and not ending with '{}'",
                  kMaxName, kUnfinished));
}

CatalogLocation LocationOf(const Config& config) {
  if (const auto* postgres = std::get_if<PostgresCatalogConfig>(&config.catalog)) {
    return {.kind = BackendKind::kPostgres, .path = {}, .url = postgres->url};
  }
  return {.kind = BackendKind::kSqlite, .path = config.CatalogPath(), .url = {}};
}

class OperationsRpc final : public RpcService {
 public:
  explicit OperationsRpc(const ServerContext& context)
      : RpcService("jammi.ext.v1.OperationsService"), context_(context) {
    Unary<ext_wire::BackupRequest, ext_wire::BackupResponse>(
        "Backup", {.access = RpcAccess::kAdmin},
        [this](const auto& call, const auto& request) { return Backup(call, request); });
  }

 private:
  [[nodiscard]] Result<ext_wire::BackupResponse> Backup(const RpcCall& call,
                                                        const ext_wire::BackupRequest& request) const {
    const auto location = LocationOf(context_.config);
    const auto& folder = context_.config.server.backup_path;
    // Of PostgreSQL there is none, wherever it would go.
    if (location.kind == BackendKind::kSqlite) {
      JAMMI_TRY(CheckName(request.name()));
      if (!folder) {
        return Error(ErrorCode::kFailedPrecondition,
                     "server.backup_path is not set, so there is no place for backups");
      }
    }
    const auto to = folder.value_or(std::filesystem::path()) / request.name();
    JAMMI_ASSIGN(const auto report,
                 BackupCatalog(location, to, {.deadline = call.deadline, .stop = call.stop}));
    ext_wire::BackupResponse reply;
    reply.set_path(to.string());
    reply.set_bytes(report.bytes);
    reply.set_incarnation(report.incarnation);
    return reply;
  }

  const ServerContext& context_;
};

}  // namespace

std::unique_ptr<RpcService> NewOperationsService(const ServerContext& context) {
  return std::make_unique<OperationsRpc>(context);
}

}  // namespace jammi
