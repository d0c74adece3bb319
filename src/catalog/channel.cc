// What a channel is: its name, its column types, and the channels that are common.
#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "catalog/enum_text.h"
#include "jammi/channels.h"

namespace jammi {
namespace {

constexpr size_t kChannelMaxIdBytes = 64;
constexpr std::array<std::string_view, 6> kChannelTypeTexts = {"Float32", "Float64", "Int32",
                                                               "Int64",   "Utf8",    "Boolean"};

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsIdByte(char c) { return IsLower(c) || (c >= '0' && c <= '9') || c == '_'; }

// What is wrong with a name; empty for one that is fine.
std::string_view ProblemOf(std::string_view id) {
  if (id.empty()) return "must not be empty";
  if (id.size() > kChannelMaxIdBytes) return "must be at most 64 characters";
  if (!IsLower(id.front())) return "must start with a lowercase ASCII letter";
  return std::ranges::all_of(id, IsIdByte) ? "" : "must be [a-z0-9_]";
}

Error UnknownType(std::string_view text) {
  return Error(ErrorCode::kInvalidArgument, fmt::format("unknown channel column type: '{}'", text),
               ChannelDetail{.fault = ChannelFault::kInvalidColumnType, .requested = std::string(text)});
}

ChannelSpec Spec(std::string_view id, int32_t priority, std::vector<ChannelColumn> columns) {
  return {.id = ChannelId::Parse(id).value(), .priority = priority, .columns = std::move(columns)};
}

}  // namespace

Result<ChannelId> ChannelId::Parse(std::string_view text) {
  const std::string_view problem = ProblemOf(text);
  if (problem.empty()) return ChannelId(text);
  return Error(ErrorCode::kInvalidArgument, fmt::format("invalid channel id '{}': {}", text, problem),
               ChannelDetail{.fault = ChannelFault::kInvalidId, .channel = std::string(text)});
}

std::string_view ToString(ChannelColumnType type) { return TextOf(kChannelTypeTexts, type); }

Result<ChannelColumnType> ParseChannelColumnType(std::string_view text) {
  if (const auto type = ValueOf<ChannelColumnType>(kChannelTypeTexts, text)) return *type;
  return UnknownType(text);
}

std::shared_ptr<arrow::DataType> ToArrow(ChannelColumnType type) {
  switch (type) {
    case ChannelColumnType::kFloat32:
      return arrow::float32();
    case ChannelColumnType::kFloat64:
      return arrow::float64();
    case ChannelColumnType::kInt32:
      return arrow::int32();
    case ChannelColumnType::kInt64:
      return arrow::int64();
    case ChannelColumnType::kUtf8:
      return arrow::utf8();
    case ChannelColumnType::kBoolean:
      return arrow::boolean();
  }
  return nullptr;
}

Result<ChannelColumnType> FromArrow(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::FLOAT:
      return ChannelColumnType::kFloat32;
    case arrow::Type::DOUBLE:
      return ChannelColumnType::kFloat64;
    case arrow::Type::INT32:
      return ChannelColumnType::kInt32;
    case arrow::Type::INT64:
      return ChannelColumnType::kInt64;
    case arrow::Type::STRING:
      return ChannelColumnType::kUtf8;
    case arrow::Type::BOOL:
      return ChannelColumnType::kBoolean;
    default:
      return UnknownType(type.ToString());
  }
}

const ChannelSpec& ConformalChannel() {
  using enum ChannelColumnType;
  static const ChannelSpec spec =
      Spec("conformal", 3,
           {{"prediction_set", kUtf8}, {"lower", kFloat64}, {"upper", kFloat64}, {"alpha", kFloat64}});
  return spec;
}

const ChannelSpec& UncertaintyChannel() {
  using enum ChannelColumnType;
  static const ChannelSpec spec = Spec("uncertainty", 4,
                                       {{"predicted_mean", kFloat64},
                                        {"predicted_std", kFloat64},
                                        {"quantiles", kUtf8},
                                        {"context_ref", kUtf8}});
  return spec;
}

}  // namespace jammi
