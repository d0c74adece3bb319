#include "trigger/jetstream/stream_schema.h"

#include <arrow/type.h>
#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/base64.h"
#include "trigger/codec.h"

namespace jammi {
namespace {

constexpr const char* kMetadataKey = "jammi-schema";
constexpr std::string_view kDescriptionPrefix = "jammi-schema: ";

}  // namespace

Result<void> StoreSchema(const arrow::Schema& schema, bool in_description, nats::StreamSettings* settings) {
  JAMMI_ASSIGN(const auto bytes, EncodeSchema(schema));
  std::string text = ToBase64(bytes);
  if (!in_description) {
    settings->metadata[kMetadataKey] = std::move(text);
    return {};
  }
  const bool fits = kDescriptionPrefix.size() + text.size() <= nats::StreamSettings::kMaxDescription;
  if (fits) settings->description = std::string(kDescriptionPrefix) + text;
  return {};
}

Result<std::shared_ptr<arrow::Schema>> StoredSchema(const nats::StreamSettings& settings) {
  std::string_view text;
  if (const auto it = settings.metadata.find(kMetadataKey); it != settings.metadata.end()) {
    text = it->second;
  } else if (settings.description.starts_with(kDescriptionPrefix)) {
    text = std::string_view(settings.description).substr(kDescriptionPrefix.size());
  } else {
    return std::shared_ptr<arrow::Schema>();
  }
  const auto bytes = FromBase64(text);
  auto schema = bytes
                    ? DecodeSchema(*bytes)
                    : Result<std::shared_ptr<arrow::Schema>>(Error(ErrorCode::kDataLoss, "it is not base64"));
  if (schema) return schema;
  return Error(ErrorCode::kDataLoss,
               fmt::format("stream '{}': the schema in it: {}", settings.name, schema.error().message()),
               BrokerDetail{"jet_stream"});
}

}  // namespace jammi
