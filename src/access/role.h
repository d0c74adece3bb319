// What a principal may do, whatever its tenants are.
#pragma once

#include <cstdint>
#include <string_view>

#include "jammi/result.h"

namespace jammi {

enum class RpcRole : uint8_t {
  kReader,
  kWriter,  // changes things, too
  kAdmin,   // what concerns the whole server, too
};
[[nodiscard]] std::string_view ToString(RpcRole role);  // "reader"
// Errors: kInvalidArgument.
[[nodiscard]] Result<RpcRole> ParseRole(std::string_view text);

}  // namespace jammi
