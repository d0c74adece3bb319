#include "predicate/columns.h"

#include <arrow/array/data.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/bitmap_ops.h>
#include <arrow/util/decimal.h>
#include <arrow/util/float16.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <limits>

#include "base/text.h"
#include "duckdb/common/types.hpp"
#include "duckdb/common/types/decimal.hpp"
#include "duckdb/common/types/hugeint.hpp"
#include "duckdb/common/types/string_type.hpp"
#include "duckdb/common/types/vector.hpp"

namespace jammi::predicate {

using duckdb::LogicalType;

static_assert(std::endian::native == std::endian::little,
              "Arrow's and DuckDB's layouts are compared byte by byte");
static_assert(sizeof(duckdb::hugeint_t) == 16 && offsetof(duckdb::hugeint_t, upper) == 8);

Error EvalError(std::string message) {
  std::string sentence = fmt::format("the predicate cannot be evaluated: {}", message);
  return Error(ErrorCode::kFailedPrecondition, std::move(sentence),
               PredicateEvalDetail{.message = std::move(message)});
}

namespace {

std::optional<LogicalType> DecimalOf(const arrow::DataType& type) {
  const auto& decimal = static_cast<const arrow::DecimalType&>(type);
  const int32_t precision = decimal.precision();
  const int32_t scale = decimal.scale();
  if (precision > duckdb::Decimal::MAX_WIDTH_DECIMAL || scale < 0 || scale > precision) return std::nullopt;
  return LogicalType::DECIMAL(static_cast<uint8_t>(precision), static_cast<uint8_t>(scale));
}

LogicalType TimestampOf(const arrow::TimestampType& type) {
  if (type.unit() == arrow::TimeUnit::NANO)
    return LogicalType::TIMESTAMP_NS;  // with a zone too: the instant in UTC
  return type.timezone().empty() ? LogicalType::TIMESTAMP : LogicalType::TIMESTAMP_TZ;
}

}  // namespace

std::optional<LogicalType> FilterableType(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return LogicalType::BOOLEAN;
    case arrow::Type::INT8:
      return LogicalType::TINYINT;
    case arrow::Type::INT16:
      return LogicalType::SMALLINT;
    case arrow::Type::INT32:
      return LogicalType::INTEGER;
    case arrow::Type::INT64:
      return LogicalType::BIGINT;
    case arrow::Type::UINT8:
      return LogicalType::UTINYINT;
    case arrow::Type::UINT16:
      return LogicalType::USMALLINT;
    case arrow::Type::UINT32:
      return LogicalType::UINTEGER;
    case arrow::Type::UINT64:
      return LogicalType::UBIGINT;
    case arrow::Type::HALF_FLOAT:
    case arrow::Type::FLOAT:
      return LogicalType::FLOAT;
    case arrow::Type::DOUBLE:
      return LogicalType::DOUBLE;
    case arrow::Type::DECIMAL32:
    case arrow::Type::DECIMAL64:
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256:
      return DecimalOf(type);
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::STRING_VIEW:
      return LogicalType::VARCHAR;
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::BINARY_VIEW:
    case arrow::Type::FIXED_SIZE_BINARY:
      return LogicalType::BLOB;
    case arrow::Type::DATE32:
      return LogicalType::DATE;
    case arrow::Type::DATE64:
      return LogicalType::TIMESTAMP;
    case arrow::Type::TIMESTAMP:
      return TimestampOf(static_cast<const arrow::TimestampType&>(type));
    case arrow::Type::TIME32:
      return LogicalType::TIME;
    case arrow::Type::TIME64:
      return static_cast<const arrow::Time64Type&>(type).unit() == arrow::TimeUnit::NANO
                 ? LogicalType::TIME_NS
                 : LogicalType::TIME;
    case arrow::Type::DICTIONARY: {
      const auto& values = *static_cast<const arrow::DictionaryType&>(type).value_type();
      return values.id() == arrow::Type::DICTIONARY ? std::nullopt : FilterableType(values);
    }
    default:
      return std::nullopt;
  }
}

namespace {

// Rows of a column: each is a slot of `values`, in order or, for a dictionary, where the index points.
class ColumnRows {
 public:
  ColumnRows(const arrow::ArrayData& values, int64_t first, int64_t count, const int64_t* picks,
             const uint64_t* validity)
      : values_(values), first_(first), count_(count), picks_(picks), validity_(validity) {}

  [[nodiscard]] const arrow::ArrayData& values() const { return values_; }
  [[nodiscard]] int64_t count() const { return count_; }
  [[nodiscard]] bool contiguous() const { return picks_ == nullptr; }
  [[nodiscard]] int64_t first() const { return first_; }
  // The slot of row i, counted from the start of the buffers.
  [[nodiscard]] int64_t Slot(int64_t i) const { return picks_ != nullptr ? picks_[i] : first_ + i; }
  // What stands in the slot of a null means nothing and is not looked at.
  [[nodiscard]] bool IsValid(int64_t i) const {
    return validity_ == nullptr || ((validity_[i >> 6] >> (i & 63)) & 1) != 0;
  }

 private:
  const arrow::ArrayData& values_;
  int64_t first_;
  int64_t count_;
  const int64_t* picks_;
  const uint64_t* validity_;
};

const uint8_t* Bytes(const arrow::ArrayData& data, int buffer) {
  const auto& held = data.buffers[buffer];
  return held == nullptr ? nullptr : held->data();
}

// A value at any address: data that came over a wire may lie anywhere.
template <class T>
T Load(const uint8_t* base, int64_t index) {
  T value;
  std::memcpy(&value, base + index * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

template <class T>
T* Reserve(std::vector<uint64_t>& buffer, int64_t count) {
  const size_t words = (static_cast<size_t>(count) * sizeof(T) + 7) / 8;
  if (buffer.size() < words) buffer.resize(words);
  return reinterpret_cast<T*>(buffer.data());
}

void Point(duckdb::Vector& out, const void* data) {
  duckdb::FlatVector::SetData(out, static_cast<duckdb::data_ptr_t>(const_cast<void*>(data)));
}

// The layouts agree: no copy, unless the rows are picked or lie at an odd address.
template <class T>
void Share(const ColumnRows& rows, ColumnScratch& scratch, duckdb::Vector& out) {
  const uint8_t* base = Bytes(rows.values(), 1);
  if (rows.contiguous()) {
    const uint8_t* first = base + rows.first() * static_cast<int64_t>(sizeof(T));
    if (reinterpret_cast<uintptr_t>(first) % alignof(T) == 0) return Point(out, first);
  }
  T* to = Reserve<T>(scratch.values, rows.count());
  for (int64_t i = 0; i < rows.count(); ++i) {
    if (rows.IsValid(i)) to[i] = Load<T>(base, rows.Slot(i));
  }
  Point(out, to);
}

template <class To, class From, class Function>
void Convert(const ColumnRows& rows, ColumnScratch& scratch, duckdb::Vector& out, Function function) {
  const uint8_t* base = Bytes(rows.values(), 1);
  To* to = Reserve<To>(scratch.values, rows.count());
  for (int64_t i = 0; i < rows.count(); ++i) {
    if (rows.IsValid(i)) to[i] = function(Load<From>(base, rows.Slot(i)));
  }
  Point(out, to);
}

void ConvertBooleans(const ColumnRows& rows, ColumnScratch& scratch, duckdb::Vector& out) {
  const uint8_t* bits = Bytes(rows.values(), 1);
  auto* to = Reserve<uint8_t>(scratch.values, rows.count());
  for (int64_t i = 0; i < rows.count(); ++i) {
    if (rows.IsValid(i)) to[i] = arrow::bit_util::GetBit(bits, rows.Slot(i)) ? 1 : 0;
  }
  Point(out, to);
}

template <class From>
Result<void> Scale(const ColumnRows& rows, int64_t factor, ColumnScratch& scratch, duckdb::Vector& out) {
  bool overflow = false;
  Convert<int64_t, From>(rows, scratch, out, [&](From value) {
    int64_t scaled = 0;
    overflow |= __builtin_mul_overflow(static_cast<int64_t>(value), factor, &scaled);
    return scaled;
  });
  if (overflow) return EvalError("a time is too far from 1970 to be counted in microseconds");
  return {};
}

// The unscaled value lies in the low bytes; DuckDB keeps as many of them as the type's digits need, and
// Arrow allows no type whose digits do not fit.
template <class From>
void ConvertDecimals(const ColumnRows& rows, const LogicalType& type, ColumnScratch& scratch,
                     duckdb::Vector& out) {
  const auto narrow = [&]<class To>(To) {
    Convert<To, From>(rows, scratch, out, [](From value) {
      To result{};
      std::memcpy(&result, &value, std::min(sizeof(To), sizeof(From)));
      return result;
    });
  };
  switch (type.InternalType()) {
    case duckdb::PhysicalType::INT16:
      return narrow(int16_t{});
    case duckdb::PhysicalType::INT32:
      return narrow(int32_t{});
    case duckdb::PhysicalType::INT64:
      return narrow(int64_t{});
    default:
      return narrow(duckdb::hugeint_t{});
  }
}

using Text = duckdb::string_t;
using FourWords = std::array<uint64_t, 4>;

// `slice(slot)` gives the bytes of a slot.
template <class Slice>
Result<void> ShowText(const ColumnRows& rows, bool check_utf8, ColumnScratch& scratch, duckdb::Vector& out,
                      Slice slice) {
  auto* to = Reserve<Text>(scratch.values, rows.count());
  for (int64_t i = 0; i < rows.count(); ++i) {
    if (!rows.IsValid(i)) {
      to[i] = Text(uint32_t{0});  // never a pointer that an earlier batch left here
      continue;
    }
    const std::string_view bytes = slice(rows.Slot(i));
    if (bytes.size() > std::numeric_limits<uint32_t>::max()) return EvalError("a value is longer than 4 GiB");
    if (check_utf8 && !IsValidUtf8(bytes)) return EvalError("a text is not UTF-8");
    to[i] = Text(bytes.data(), static_cast<uint32_t>(bytes.size()));
  }
  Point(out, to);
  return {};
}

bool IsAscii(std::string_view bytes) {
  uint64_t seen = 0;
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8)
    seen |= Load<uint64_t>(reinterpret_cast<const uint8_t*>(&bytes[i]), 0);
  for (; i < bytes.size(); ++i) seen |= static_cast<uint8_t>(bytes[i]);
  return (seen & 0x8080808080808080) == 0;
}

template <class Offset>
Result<void> ShowStrings(const ColumnRows& rows, bool check_utf8, ColumnScratch& scratch,
                         duckdb::Vector& out) {
  const uint8_t* offsets = Bytes(rows.values(), 1);
  const auto* data = reinterpret_cast<const char*>(Bytes(rows.values(), 2));
  if (data == nullptr) data = "";  // all empty
  const auto slice = [=](int64_t first, int64_t last) {
    const auto start = Load<Offset>(offsets, first);
    const auto end = Load<Offset>(offsets, last);
    return std::string_view(data + start, static_cast<size_t>(end - start));
  };
  // One look at the values as a whole mostly spares a look at each.
  const bool check =
      check_utf8 && !(rows.contiguous() && IsAscii(slice(rows.first(), rows.first() + rows.count())));
  return ShowText(rows, check, scratch, out, [&](int64_t slot) { return slice(slot, slot + 1); });
}

Result<void> ShowViews(const ColumnRows& rows, bool check_utf8, ColumnScratch& scratch, duckdb::Vector& out) {
  using View = arrow::BinaryViewType::c_type;
  const uint8_t* views = Bytes(rows.values(), 1);
  const auto* buffers = rows.values().buffers.data() + 2;
  return ShowText(rows, check_utf8, scratch, out, [=](int64_t slot) {
    const auto* at = views + slot * static_cast<int64_t>(sizeof(View));
    const auto view = Load<View>(at, 0);
    const auto* bytes = view.is_inline() ? at + offsetof(View, inlined.data)
                                         : buffers[view.ref.buffer_index]->data() + view.ref.offset;
    return std::string_view(reinterpret_cast<const char*>(bytes), static_cast<size_t>(view.size()));
  });
}

Result<void> ShowFixed(const ColumnRows& rows, ColumnScratch& scratch, duckdb::Vector& out) {
  const int64_t width = static_cast<const arrow::FixedSizeBinaryType&>(*rows.values().type).byte_width();
  const auto* data = reinterpret_cast<const char*>(Bytes(rows.values(), 1));
  return ShowText(rows, false, scratch, out, [=](int64_t slot) {
    return std::string_view(data + slot * width, static_cast<size_t>(width));
  });
}

Result<void> ShowTimestamps(const ColumnRows& rows, ColumnScratch& scratch, duckdb::Vector& out) {
  switch (static_cast<const arrow::TimestampType&>(*rows.values().type).unit()) {
    case arrow::TimeUnit::SECOND:
      return Scale<int64_t>(rows, 1'000'000, scratch, out);
    case arrow::TimeUnit::MILLI:
      return Scale<int64_t>(rows, 1'000, scratch, out);
    default:
      Share<int64_t>(rows, scratch, out);
      return {};
  }
}

Result<void> ShowTimes(const ColumnRows& rows, ColumnScratch& scratch, duckdb::Vector& out) {
  const bool seconds =
      static_cast<const arrow::Time32Type&>(*rows.values().type).unit() == arrow::TimeUnit::SECOND;
  return Scale<int32_t>(rows, seconds ? 1'000'000 : 1'000, scratch, out);
}

Result<void> ShowRows(const ColumnRows& rows, bool check_utf8, ColumnScratch& scratch, duckdb::Vector& out) {
  switch (rows.values().type->id()) {
    case arrow::Type::BOOL:
      ConvertBooleans(rows, scratch, out);
      break;
    case arrow::Type::INT8:
    case arrow::Type::UINT8:
      Share<uint8_t>(rows, scratch, out);
      break;
    case arrow::Type::INT16:
    case arrow::Type::UINT16:
      Share<uint16_t>(rows, scratch, out);
      break;
    case arrow::Type::INT32:
    case arrow::Type::UINT32:
    case arrow::Type::FLOAT:
    case arrow::Type::DATE32:
      Share<uint32_t>(rows, scratch, out);
      break;
    case arrow::Type::INT64:
    case arrow::Type::UINT64:
    case arrow::Type::DOUBLE:
    case arrow::Type::TIME64:
      Share<uint64_t>(rows, scratch, out);
      break;
    case arrow::Type::HALF_FLOAT:
      Convert<float, uint16_t>(rows, scratch, out,
                               [](uint16_t bits) { return arrow::util::Float16::FromBits(bits).ToFloat(); });
      break;
    case arrow::Type::DECIMAL32:
      ConvertDecimals<int32_t>(rows, out.GetType(), scratch, out);
      break;
    case arrow::Type::DECIMAL64:
      ConvertDecimals<int64_t>(rows, out.GetType(), scratch, out);
      break;
    case arrow::Type::DECIMAL128:
      if (out.GetType().InternalType() == duckdb::PhysicalType::INT128)
        Share<duckdb::hugeint_t>(rows, scratch, out);
      else
        ConvertDecimals<duckdb::hugeint_t>(rows, out.GetType(), scratch, out);
      break;
    case arrow::Type::DECIMAL256:
      ConvertDecimals<FourWords>(rows, out.GetType(), scratch, out);
      break;
    case arrow::Type::STRING:
      return ShowStrings<int32_t>(rows, check_utf8, scratch, out);
    case arrow::Type::LARGE_STRING:
      return ShowStrings<int64_t>(rows, check_utf8, scratch, out);
    case arrow::Type::STRING_VIEW:
      return ShowViews(rows, check_utf8, scratch, out);
    case arrow::Type::BINARY:
      return ShowStrings<int32_t>(rows, false, scratch, out);
    case arrow::Type::LARGE_BINARY:
      return ShowStrings<int64_t>(rows, false, scratch, out);
    case arrow::Type::BINARY_VIEW:
      return ShowViews(rows, false, scratch, out);
    case arrow::Type::FIXED_SIZE_BINARY:
      return ShowFixed(rows, scratch, out);
    case arrow::Type::DATE64:
      return Scale<int64_t>(rows, 1'000, scratch, out);
    case arrow::Type::TIMESTAMP:
      return ShowTimestamps(rows, scratch, out);
    case arrow::Type::TIME32:
      return ShowTimes(rows, scratch, out);
    default:
      return EvalError(fmt::format("a column of type {} cannot be filtered", rows.values().type->ToString()));
  }
  return {};
}

// The validity of rows [begin, begin + count) as DuckDB's mask; nullptr when all are valid.
uint64_t* ReadValidity(const arrow::ArrayData& column, int64_t begin, int64_t count, ColumnScratch& scratch) {
  const uint8_t* bits = Bytes(column, 0);
  if (bits == nullptr || !column.MayHaveNulls()) return nullptr;
  const int64_t first = column.offset + begin;
  if (count == 1 && arrow::bit_util::GetBit(bits, first)) return nullptr;
  auto* mask = Reserve<uint64_t>(scratch.validity, (count + 63) / 64);
  mask[(count - 1) / 64] = 0;
  arrow::internal::CopyBitmap(bits, first, count, reinterpret_cast<uint8_t*>(mask), 0);
  return mask;
}

template <class Index>
void ReadIndices(const arrow::ArrayData& column, int64_t first, int64_t count, const uint64_t* validity,
                 int64_t* picks) {
  const uint8_t* base = Bytes(column, 1);
  for (int64_t i = 0; i < count; ++i) {
    const bool valid = validity == nullptr || ((validity[i >> 6] >> (i & 63)) & 1) != 0;
    picks[i] = valid ? static_cast<int64_t>(Load<Index>(base, first + i)) : -1;
  }
}

void ReadIndices(const arrow::ArrayData& column, int64_t first, int64_t count, const uint64_t* validity,
                 int64_t* picks) {
  switch (static_cast<const arrow::DictionaryType&>(*column.type).index_type()->id()) {
    case arrow::Type::INT8:
      return ReadIndices<int8_t>(column, first, count, validity, picks);
    case arrow::Type::UINT8:
      return ReadIndices<uint8_t>(column, first, count, validity, picks);
    case arrow::Type::INT16:
      return ReadIndices<int16_t>(column, first, count, validity, picks);
    case arrow::Type::UINT16:
      return ReadIndices<uint16_t>(column, first, count, validity, picks);
    case arrow::Type::INT32:
      return ReadIndices<int32_t>(column, first, count, validity, picks);
    case arrow::Type::UINT32:
      return ReadIndices<uint32_t>(column, first, count, validity, picks);
    default:
      return ReadIndices<int64_t>(column, first, count, validity, picks);
  }
}

// Turns indices into slots of the dictionary. A null value of it is a null row.
uint64_t* ReadPicks(const arrow::ArrayData& column, int64_t begin, int64_t count, uint64_t* validity,
                    ColumnScratch& scratch) {
  const arrow::ArrayData& values = *column.dictionary;
  const uint8_t* value_bits = values.MayHaveNulls() ? Bytes(values, 0) : nullptr;
  if (scratch.picks.size() < static_cast<size_t>(count)) scratch.picks.resize(count);
  ReadIndices(column, column.offset + begin, count, validity, scratch.picks.data());
  if (value_bits != nullptr && validity == nullptr) {
    validity = Reserve<uint64_t>(scratch.validity, (count + 63) / 64);
    std::memset(validity, 0xff, static_cast<size_t>((count + 63) / 64) * 8);
  }
  for (int64_t i = 0; i < count; ++i) {
    int64_t& pick = scratch.picks[i];
    if (pick < 0) continue;
    pick += values.offset;
    if (value_bits != nullptr && !arrow::bit_util::GetBit(value_bits, pick)) {
      validity[i >> 6] &= ~(uint64_t{1} << (i & 63));
    }
  }
  return validity;
}

}  // namespace

Result<void> ShowColumn(const arrow::ArrayData& column, int64_t begin, int64_t count, bool check_utf8,
                        ColumnScratch& scratch, duckdb::Vector& out) {
  uint64_t* validity = ReadValidity(column, begin, count, scratch);
  const bool dictionary = column.type->id() == arrow::Type::DICTIONARY;
  if (dictionary) validity = ReadPicks(column, begin, count, validity, scratch);

  auto& mask = duckdb::FlatVector::Validity(out);
  if (validity == nullptr)
    mask.Reset();
  else
    mask.Initialize(duckdb::ValidityMask(validity, static_cast<duckdb::idx_t>(count)));

  const ColumnRows rows(dictionary ? *column.dictionary : column, column.offset + begin, count,
                        dictionary ? scratch.picks.data() : nullptr, validity);
  return ShowRows(rows, check_utf8, scratch, out);
}

}  // namespace jammi::predicate
