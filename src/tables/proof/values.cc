#include "tables/proof/values.h"

#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <arrow/util/float16.h>
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>

namespace jammi::proof {
namespace {

using arrow::Type;

template <class T>
T Must(arrow::Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.status().ToString());
  return *std::move(result);
}

template <class Scalar, class Value>
std::vector<ScalarPtr> Typed(const TypePtr& type, std::initializer_list<Value> values) {
  std::vector<ScalarPtr> all;
  for (const Value value : values) all.push_back(std::make_shared<Scalar>(value, type));
  return all;
}

template <class T>
std::vector<ScalarPtr> Whole(const TypePtr& type) {
  using Value = typename T::c_type;
  using Scalar = typename arrow::TypeTraits<T>::ScalarType;
  using Limits = std::numeric_limits<Value>;
  const auto minus_one = static_cast<Value>(-1);
  return Typed<Scalar, Value>(type, {Limits::min(), minus_one, 0, 1, 2, Limits::max() / 2, Limits::max()});
}

// What a number of some type can be: days, and times of a day.
template <class T>
std::vector<ScalarPtr> Within(const TypePtr& type, int64_t unit, int64_t first, int64_t last) {
  using Value = typename T::c_type;
  std::vector<ScalarPtr> all;
  for (const int64_t value : {first, int64_t{0}, int64_t{1}, last / 2, last}) {
    all.push_back(
        std::make_shared<typename arrow::TypeTraits<T>::ScalarType>(static_cast<Value>(value * unit), type));
  }
  return all;
}

std::vector<double> Floats(double least, double denormal, double most) {
  const double infinity = std::numeric_limits<double>::infinity();
  return {-infinity, -most, -1.5, -least, -denormal, -0.0,        0.0,
          denormal,  least, 1.5,  most,   infinity,  std::nan("")};
}

template <class Scalar, class Limits>
std::vector<ScalarPtr> FloatsOf(const TypePtr& type) {
  std::vector<ScalarPtr> all;
  for (const double value : Floats(Limits::min(), Limits::denorm_min(), Limits::max()))
    all.push_back(std::make_shared<Scalar>(static_cast<typename Scalar::ValueType>(value), type));
  return all;
}

std::vector<ScalarPtr> Halves() {
  std::vector<ScalarPtr> all;
  for (const double value : Floats(6.103515625e-05, 5.960464477539063e-08, 65504))
    all.push_back(std::make_shared<arrow::HalfFloatScalar>(arrow::util::Float16::FromDouble(value).bits()));
  return all;
}

std::vector<ScalarPtr> Texts(const TypePtr& type, bool text) {
  using namespace std::string_view_literals;
  std::vector<std::string_view> values = {"",
                                          "a"sv,
                                          "aa"sv,
                                          "ab"sv,
                                          "aZ"sv,
                                          "b"sv,
                                          "Z"sv,
                                          "é"sv,
                                          "\x7f"sv,
                                          "\xED\x9F\xBF"sv,  // U+D7FF
                                          "\xEF\xBF\xBF"sv,
                                          "\xF0\x90\x80\x80"sv,
                                          "\xF4\x8F\xBF\xBF"sv,
                                          "a\xF4\x8F\xBF\xBF"sv,
                                          "%_'\\"sv};
  if (!text) values.insert(values.end(), {"\0"sv, "a\0b"sv, "\xff"sv, "\xff\xff"sv, "a\xff"sv, "\x80"sv});
  std::vector<ScalarPtr> all;
  for (const std::string_view value : values)
    all.push_back(Must(arrow::MakeScalar(type, arrow::Buffer::FromString(std::string(value)))));
  return all;
}

std::vector<ScalarPtr> Fixed(const TypePtr& type) {
  using namespace std::string_view_literals;
  std::vector<ScalarPtr> all;
  for (const std::string_view value :
       {"\0\0\0\0"sv, "abcd"sv, "abce"sv, "\xff\xff\xff\xff"sv, "\x7f\0\0\1"sv})
    all.push_back(
        std::make_shared<arrow::FixedSizeBinaryScalar>(arrow::Buffer::FromString(std::string(value)), type));
  return all;
}

template <class Scalar>
std::vector<ScalarPtr> Decimals(const TypePtr& type) {
  using Value = typename Scalar::ValueType;
  const auto& decimal = static_cast<const arrow::DecimalType&>(*type);
  const Value most(std::string(static_cast<size_t>(decimal.precision()), '9'));
  return Typed<Scalar, Value>(type, {Value(fmt::format("-{}", most.ToIntegerString())), Value("-256"),
                                     Value("-1"), Value("0"), Value("1"), Value("255"), Value("256"), most});
}

std::vector<ScalarPtr> Lists(const TypePtr& type) {
  const auto list = [&](const std::vector<int32_t>& values) -> ScalarPtr {
    arrow::Int32Builder builder;
    if (!builder.AppendValues(values).ok()) throw std::runtime_error("no memory");
    return std::make_shared<arrow::ListScalar>(Must(builder.Finish()), type);
  };
  return {list({}), list({1}), list({1, 2}), list({-5, 7, 9})};
}

std::vector<ScalarPtr> Structs(const TypePtr& type) {
  const auto one = [&](int64_t a, const char* b) -> ScalarPtr {
    const arrow::ScalarVector fields = {arrow::MakeScalar(a), b == nullptr
                                                                  ? arrow::MakeNullScalar(arrow::utf8())
                                                                  : arrow::MakeScalar(std::string(b))};
    return std::make_shared<arrow::StructScalar>(fields, type);
  };
  return {one(0, ""), one(1, "x"), one(-1, nullptr)};
}

}  // namespace

const std::vector<TypePtr>& OrderedTypes() {
  using arrow::TimeUnit;
  static const std::vector<TypePtr> types = {
      arrow::boolean(),
      arrow::int8(),
      arrow::int16(),
      arrow::int32(),
      arrow::int64(),
      arrow::uint8(),
      arrow::uint16(),
      arrow::uint32(),
      arrow::uint64(),
      arrow::float16(),
      arrow::float32(),
      arrow::float64(),
      arrow::date32(),
      arrow::date64(),
      arrow::time32(TimeUnit::SECOND),
      arrow::time64(TimeUnit::NANO),
      arrow::timestamp(TimeUnit::MICRO),
      arrow::timestamp(TimeUnit::NANO, "Europe/Berlin"),
      arrow::duration(TimeUnit::MILLI),
      arrow::utf8(),
      arrow::large_utf8(),
      arrow::utf8_view(),
      arrow::binary(),
      arrow::large_binary(),
      arrow::binary_view(),
      arrow::fixed_size_binary(4),
      arrow::decimal32(9, 2),
      arrow::decimal64(18, 4),
      arrow::decimal128(38, 10),
      arrow::decimal256(76, 0),
  };
  return types;
}

const std::vector<TypePtr>& OtherTypes() {
  static const std::vector<TypePtr> types = {
      arrow::list(arrow::int32()),
      arrow::struct_({arrow::field("a", arrow::int64()), arrow::field("b", arrow::utf8())}),
  };
  return types;
}

std::vector<ScalarPtr> EdgeValues(const TypePtr& type) {
  switch (type->id()) {
    case Type::BOOL:
      return {arrow::MakeScalar(false), arrow::MakeScalar(true)};
    case Type::INT8:
      return Whole<arrow::Int8Type>(type);
    case Type::INT16:
      return Whole<arrow::Int16Type>(type);
    case Type::INT32:
      return Whole<arrow::Int32Type>(type);
    case Type::INT64:
      return Whole<arrow::Int64Type>(type);
    case Type::UINT8:
      return Whole<arrow::UInt8Type>(type);
    case Type::UINT16:
      return Whole<arrow::UInt16Type>(type);
    case Type::UINT32:
      return Whole<arrow::UInt32Type>(type);
    case Type::UINT64:
      return Whole<arrow::UInt64Type>(type);
    case Type::HALF_FLOAT:
      return Halves();
    case Type::FLOAT:
      return FloatsOf<arrow::FloatScalar, std::numeric_limits<float>>(type);
    case Type::DOUBLE:
      return FloatsOf<arrow::DoubleScalar, std::numeric_limits<double>>(type);
    case Type::DATE32:
      return Whole<arrow::Date32Type>(type);
    case Type::DATE64:
      return Within<arrow::Date64Type>(type, 86'400'000, -700'000, 2'900'000);
    case Type::TIME32:
      return Within<arrow::Time32Type>(type, 1, 0, 86'399);
    case Type::TIME64:
      return Within<arrow::Time64Type>(type, 1, 0, 86'399'999'999'999);
    case Type::TIMESTAMP:
      return Whole<arrow::TimestampType>(type);
    case Type::DURATION:
      return Whole<arrow::DurationType>(type);
    case Type::STRING:
    case Type::LARGE_STRING:
    case Type::STRING_VIEW:
      return Texts(type, true);
    case Type::BINARY:
    case Type::LARGE_BINARY:
    case Type::BINARY_VIEW:
      return Texts(type, false);
    case Type::FIXED_SIZE_BINARY:
      return Fixed(type);
    case Type::DECIMAL32:
      return Decimals<arrow::Decimal32Scalar>(type);
    case Type::DECIMAL64:
      return Decimals<arrow::Decimal64Scalar>(type);
    case Type::DECIMAL128:
      return Decimals<arrow::Decimal128Scalar>(type);
    case Type::DECIMAL256:
      return Decimals<arrow::Decimal256Scalar>(type);
    case Type::LIST:
      return Lists(type);
    case Type::STRUCT:
      return Structs(type);
    default:
      throw std::runtime_error("no values of " + type->ToString());
  }
}

namespace {

template <class T>
int Sign(const T& a, const T& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

int OrderFloats(double a, double b, bool zeros_differ) {
  if (std::isnan(a) || std::isnan(b)) return Sign(std::isnan(a), std::isnan(b));
  const int sign = Sign(a, b);
  return sign == 0 && zeros_differ ? Sign(!std::signbit(a), !std::signbit(b)) : sign;
}

double FromHalf(const arrow::Scalar& scalar) {
  return arrow::util::Float16::FromBits(static_cast<const arrow::HalfFloatScalar&>(scalar).value).ToDouble();
}

}  // namespace

int Order(const arrow::Scalar& a, const arrow::Scalar& b, bool zeros_differ) {
  switch (a.type->id()) {
#define JAMMI_ORDER(id, scalar) \
  case Type::id:                \
    return Sign(static_cast<const arrow::scalar&>(a).value, static_cast<const arrow::scalar&>(b).value)
    JAMMI_ORDER(BOOL, BooleanScalar);
    JAMMI_ORDER(INT8, Int8Scalar);
    JAMMI_ORDER(INT16, Int16Scalar);
    JAMMI_ORDER(INT32, Int32Scalar);
    JAMMI_ORDER(INT64, Int64Scalar);
    JAMMI_ORDER(UINT8, UInt8Scalar);
    JAMMI_ORDER(UINT16, UInt16Scalar);
    JAMMI_ORDER(UINT32, UInt32Scalar);
    JAMMI_ORDER(UINT64, UInt64Scalar);
    JAMMI_ORDER(DATE32, Date32Scalar);
    JAMMI_ORDER(DATE64, Date64Scalar);
    JAMMI_ORDER(TIME32, Time32Scalar);
    JAMMI_ORDER(TIME64, Time64Scalar);
    JAMMI_ORDER(TIMESTAMP, TimestampScalar);
    JAMMI_ORDER(DURATION, DurationScalar);
    JAMMI_ORDER(DECIMAL32, Decimal32Scalar);
    JAMMI_ORDER(DECIMAL64, Decimal64Scalar);
    JAMMI_ORDER(DECIMAL128, Decimal128Scalar);
    JAMMI_ORDER(DECIMAL256, Decimal256Scalar);
#undef JAMMI_ORDER
    case Type::HALF_FLOAT:
      return OrderFloats(FromHalf(a), FromHalf(b), zeros_differ);
    case Type::FLOAT:
      return OrderFloats(static_cast<const arrow::FloatScalar&>(a).value,
                         static_cast<const arrow::FloatScalar&>(b).value, zeros_differ);
    case Type::DOUBLE:
      return OrderFloats(static_cast<const arrow::DoubleScalar&>(a).value,
                         static_cast<const arrow::DoubleScalar&>(b).value, zeros_differ);
    default:
      return static_cast<const arrow::BaseBinaryScalar&>(a).view().compare(
          static_cast<const arrow::BaseBinaryScalar&>(b).view());
  }
}

}  // namespace jammi::proof
