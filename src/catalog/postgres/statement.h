// A statement to be run.
#pragma once

#include <string_view>

#include "jammi/catalog_backend.h"

namespace jammi::postgres {

// Everything is borrowed until it has run.
struct Statement {
  std::string_view sql;
  SqlParams params;
};

}  // namespace jammi::postgres
