#include "http/http_message.h"

#include <nlohmann/json.hpp>

namespace jammi {

HttpResponse HttpError(int status, std::string_view error, std::string_view code) {
  const nlohmann::ordered_json body = {{"error", error}, {"code", code}};
  return {.status = status, .body = body.dump(), .allow = {}};
}

}  // namespace jammi
