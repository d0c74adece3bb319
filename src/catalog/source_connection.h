// What a source's connection may hold, and how its options are stored.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "jammi/sources.h"

namespace jammi {

// Errors: kInvalidArgument; the message names the field and quotes nothing of the URL and the values.
[[nodiscard]] Result<void> CheckConnection(SourceType type, const SourceConnection& connection);

// The options as a JSON object of texts, in clear.  REQUIRES: they were checked.
[[nodiscard]] std::string OptionsJson(const std::map<std::string, Secret>& options);
// Errors: kDataLoss with BackendDetail(kTypeConversion).
[[nodiscard]] Result<std::map<std::string, Secret>> ParseOptions(std::string_view text);

}  // namespace jammi
