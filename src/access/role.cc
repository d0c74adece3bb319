#include "access/role.h"

#include <fmt/format.h>

#include <array>

namespace jammi {

std::string_view ToString(RpcRole role) {
  static constexpr auto kNames = std::to_array<std::string_view>({"reader", "writer", "admin"});
  return kNames.at(static_cast<size_t>(role));
}

Result<RpcRole> ParseRole(std::string_view text) {
  for (const RpcRole role : {RpcRole::kReader, RpcRole::kWriter, RpcRole::kAdmin}) {
    if (text == ToString(role)) return role;
  }
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("role: '{}' is none; expected reader, writer or admin", text));
}

}  // namespace jammi
