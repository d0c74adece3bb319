// A statement of a repository, shown to the test that looks at its plan on each database.
#pragma once

#include <string_view>

namespace jammi {

struct RepoStatement {
  std::string_view name;
  std::string_view sql;
  int params = 0;
};

}  // namespace jammi
