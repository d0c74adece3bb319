#include "tables/filter_value.h"

#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/scalar.h>
#include <arrow/type.h>
#include <arrow/util/float16.h>
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "jammi/error.h"

namespace jammi {
namespace {

using ScalarPtr = std::shared_ptr<arrow::Scalar>;

// Null: the type has no such value.
template <class T>
ScalarPtr Exactly(double value) {
  const auto narrow = static_cast<T>(value);
  if (!std::isnan(value) && static_cast<double>(narrow) != value) return nullptr;
  return arrow::MakeScalar(narrow);
}

ScalarPtr ExactHalf(double value) {
  const auto half = arrow::util::Float16::FromDouble(value);
  if (!std::isnan(value) && half.ToDouble() != value) return nullptr;
  return std::make_shared<arrow::HalfFloatScalar>(half.bits());
}

template <class T, class From>
ScalarPtr InRange(From value) {
  return std::in_range<T>(value) ? arrow::MakeScalar(static_cast<T>(value)) : nullptr;
}

ScalarPtr Float(arrow::Type::type type, double value) {
  switch (type) {
    case arrow::Type::HALF_FLOAT:
      return ExactHalf(value);
    case arrow::Type::FLOAT:
      return Exactly<float>(value);
    case arrow::Type::DOUBLE:
      return arrow::MakeScalar(value);
    default:
      return nullptr;
  }
}

template <class From>
ScalarPtr Integer(arrow::Type::type type, From value) {
  switch (type) {
    case arrow::Type::INT8:
      return InRange<int8_t>(value);
    case arrow::Type::INT16:
      return InRange<int16_t>(value);
    case arrow::Type::INT32:
      return InRange<int32_t>(value);
    case arrow::Type::INT64:
      return InRange<int64_t>(value);
    case arrow::Type::UINT8:
      return InRange<uint8_t>(value);
    case arrow::Type::UINT16:
      return InRange<uint16_t>(value);
    case arrow::Type::UINT32:
      return InRange<uint32_t>(value);
    case arrow::Type::UINT64:
      return InRange<uint64_t>(value);
    default:
      break;
  }
  // Doubles hold every integer up to here.
  constexpr int64_t kMost = int64_t{1} << std::numeric_limits<double>::digits;
  if (std::cmp_less(value, -kMost) || std::cmp_greater(value, kMost)) return nullptr;
  return Float(type, static_cast<double>(value));
}

ScalarPtr Text(const std::shared_ptr<arrow::DataType>& type, const std::string& value) {
  const auto bytes = arrow::Buffer::FromString(value);
  switch (type->id()) {
    case arrow::Type::STRING:
      return std::make_shared<arrow::StringScalar>(bytes);
    case arrow::Type::LARGE_STRING:
      return std::make_shared<arrow::LargeStringScalar>(bytes);
    case arrow::Type::STRING_VIEW:
      return std::make_shared<arrow::StringViewScalar>(bytes);
    case arrow::Type::BINARY:
      return std::make_shared<arrow::BinaryScalar>(bytes);
    case arrow::Type::LARGE_BINARY:
      return std::make_shared<arrow::LargeBinaryScalar>(bytes);
    case arrow::Type::BINARY_VIEW:
      return std::make_shared<arrow::BinaryViewScalar>(bytes);
    case arrow::Type::FIXED_SIZE_BINARY:
      if (std::cmp_not_equal(static_cast<const arrow::FixedSizeBinaryType&>(*type).byte_width(),
                             value.size()))
        return nullptr;
      return std::make_shared<arrow::FixedSizeBinaryScalar>(bytes, type);
    default:
      return nullptr;
  }
}

// The value as one of the type; null: it is none.
struct ToScalar {
  const std::shared_ptr<arrow::DataType>& type;

  ScalarPtr operator()(bool value) const {
    return type->id() == arrow::Type::BOOL ? arrow::MakeScalar(value) : nullptr;
  }
  ScalarPtr operator()(int64_t value) const { return Integer(type->id(), value); }
  ScalarPtr operator()(uint64_t value) const { return Integer(type->id(), value); }
  ScalarPtr operator()(double value) const { return Float(type->id(), value); }
  ScalarPtr operator()(const std::string& value) const { return Text(type, value); }
  ScalarPtr operator()(const ScalarPtr& value) const {
    const bool fits = value != nullptr && value->is_valid && value->type->Equals(*type);
    return fits ? value : nullptr;
  }
};

Error DoesNotFit(const arrow::Field& field, std::string_view why) {
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("filter: column '{}' ({}) {}", field.name(), field.type()->ToString(), why),
               TableDetail{TableFault::kInvalidValue, {}, field.name()});
}

bool IsNullScalar(const FilterValue& value) {
  const auto* scalar = std::get_if<ScalarPtr>(&value.get());
  return scalar != nullptr && (*scalar == nullptr || !(*scalar)->is_valid);
}

std::string_view BytesView(SqlBytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

StoredValue Own(const SqlValue& cell, SqlKind kind) {
  const SqlValue::Variant& value = cell.get();
  if (const auto* number = std::get_if<int64_t>(&value)) return {*number, kind};
  if (const auto* number = std::get_if<double>(&value)) return {*number, kind};
  if (const auto* text = std::get_if<std::string_view>(&value)) return {std::string(*text), kind};
  return {std::string(BytesView(std::get<SqlBytes>(value))), kind};
}

}  // namespace

SqlValue StoredValue::View() const {
  if (const auto* number = std::get_if<int64_t>(&value)) return *number;
  if (const auto* number = std::get_if<double>(&value)) return *number;
  const auto& text = std::get<std::string>(value);
  if (kind == SqlKind::kText) return text;
  return SqlBytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

Result<StoredValue> StoreValue(const ColumnCodec& codec, const FilterValue& value) {
  const arrow::Field& field = codec.field();
  if (IsNullScalar(value)) return DoesNotFit(field, "is compared with null; IsNull() asks for it");
  const ScalarPtr scalar = std::visit(ToScalar{field.type()}, value.get());
  if (scalar == nullptr) return DoesNotFit(field, "is compared with a value that it cannot hold");
  auto array = arrow::MakeArrayFromScalar(*scalar, 1);
  if (!array.ok()) return Error(ErrorCode::kResourceExhausted, array.status().ToString());
  if (const auto valid = (*array)->ValidateFull(); !valid.ok()) return DoesNotFit(field, valid.message());
  JAMMI_ASSIGN(const auto writer, codec.NewWriter(*array));
  SqlValue cell(std::nullopt);
  JAMMI_TRY(writer->Get(0, cell));
  return Own(cell, codec.kind());
}

std::pair<int64_t, int64_t> StoredZeros() { return {-1, 0}; }

bool IsFloatZero(const ColumnCodec& codec, const StoredValue& value) {
  if (!arrow::is_floating(codec.field().type()->id())) return false;
  const auto [negative, positive] = StoredZeros();
  const auto* stored = std::get_if<int64_t>(&value.value);
  return stored != nullptr && (*stored == negative || *stored == positive);
}

namespace {

// Of text that is not empty and valid: where its last character begins, and which it is.
std::pair<size_t, char32_t> LastCharacter(std::string_view text) {
  size_t begin = text.size() - 1;
  while (begin > 0 && (static_cast<uint8_t>(text[begin]) & 0xC0) == 0x80) --begin;
  const size_t length = text.size() - begin;
  constexpr uint8_t kLeadBits[] = {0x7F, 0x1F, 0x0F, 0x07};
  char32_t code = static_cast<uint8_t>(text[begin]) & kLeadBits[length - 1];
  for (size_t i = begin + 1; i < text.size(); ++i) code = code << 6 | (static_cast<uint8_t>(text[i]) & 0x3F);
  return {begin, code};
}

void AppendCharacter(std::string& text, char32_t code) {
  const auto tail = [&](int shift) { text += static_cast<char>(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xC0 | code >> 6);
    tail(0);
  } else if (code < 0x10000) {
    text += static_cast<char>(0xE0 | code >> 12);
    tail(6);
    tail(0);
  } else {
    text += static_cast<char>(0xF0 | code >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace

std::optional<std::string> AfterPrefix(SqlKind kind, std::string_view prefix) {
  std::string after(prefix);
  while (!after.empty()) {
    if (kind == SqlKind::kBytes) {
      const auto last = static_cast<uint8_t>(after.back());
      after.pop_back();
      if (last == 0xFF) continue;
      after.push_back(static_cast<char>(last + 1));
      return after;
    }
    // The order of UTF-8's bytes is that of the characters' numbers.
    const auto [begin, code] = LastCharacter(after);
    after.resize(begin);
    if (code == 0x10FFFF) continue;
    AppendCharacter(after, code == 0xD7FF ? 0xE000 : code + 1);  // between them is no character
    return after;
  }
  return std::nullopt;
}

}  // namespace jammi
