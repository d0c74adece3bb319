// The rules that hold for a Config as a whole, whoever filled it.
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"
#include "jammi/config.h"

namespace jammi {

// One thing that is wrong, before or after it is known where it was written.
struct ConfigProblem {
  std::string key;         // may be empty
  std::string message;     // without the place
  std::string suggestion;  // nearest known name; may be empty
  ConfigOrigin origin;     // kDefault: no place to name
};

// "catalog.pool_size: must be 1 to 10000, and is 0; did you mean ...?"
[[nodiscard]] ConfigProblem MakeProblem(std::string key, Complaint complaint, ConfigOrigin origin = {});

// All problems in one error: file, then environment, then the rest, each with its place on a line of
// its own.  REQUIRES: !problems.empty()
[[nodiscard]] Error ToError(std::vector<ConfigProblem> problems);

// Every range, choice and format, and then, section by section where those hold, the rules between
// settings. Origins are not filled.
[[nodiscard]] std::vector<ConfigProblem> FindProblems(const Config& config);

}  // namespace jammi
