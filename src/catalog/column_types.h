// How columns are declared.
#pragma once

#include <string_view>

#include "jammi/catalog_backend.h"

namespace jammi {

// "INTEGER", "TEXT COLLATE \"C\"". Text is compared by its bytes.
[[nodiscard]] std::string_view TypeText(BackendKind kind, SqlKind column);

}  // namespace jammi
