#include "tables/column_codec.h"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/api.h>
#include <arrow/util/float16.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

namespace jammi {

struct ColumnCodec::Form {
  SqlKind kind;
  bool ordered;
  bool variable;
  Result<std::unique_ptr<CellWriter>> (*writer)(const arrow::Field&, std::shared_ptr<arrow::Array>);
  Result<std::unique_ptr<ColumnDecoder>> (*decoder)(const std::shared_ptr<arrow::Field>&);
};

namespace {

using Cell = Row::Cell;

Error Damaged(const arrow::Field& field, std::string_view what) {
  return Error(ErrorCode::kDataLoss, fmt::format("column '{}': {}", field.name(), what),
               BackendDetail{BackendFault::kTypeConversion, field.name(), {}});
}

Error NoMemory(const arrow::Status& status) {
  return Error(ErrorCode::kResourceExhausted, status.ToString());
}

// --- Integers, and what is one.

constexpr int64_t kSign = std::numeric_limits<int64_t>::min();

// As IEEE 754's total order: what is negative is mirrored.
int64_t Mirror(int64_t bits) { return bits < 0 ? bits ^ std::numeric_limits<int64_t>::max() : bits; }

int64_t StoreDouble(double value) {
  if (std::isnan(value)) value = std::numeric_limits<double>::quiet_NaN();
  return Mirror(std::bit_cast<int64_t>(value));
}
double LoadDouble(int64_t stored) { return std::bit_cast<double>(Mirror(stored)); }

template <class T>
int64_t Store(typename T::c_type value) {
  if constexpr (std::is_same_v<T, arrow::UInt64Type>) {
    return static_cast<int64_t>(value) ^ kSign;
  } else if constexpr (std::is_same_v<T, arrow::HalfFloatType>) {
    return StoreDouble(arrow::util::Float16::FromBits(value).ToDouble());
  } else if constexpr (arrow::is_floating_type<T>::value) {
    return StoreDouble(value);
  } else {
    return static_cast<int64_t>(value);
  }
}

// False: no value of the type is stored so.
template <class T>
bool Load(int64_t stored, typename T::c_type& value) {
  using Value = typename T::c_type;
  if constexpr (std::is_same_v<T, arrow::UInt64Type>) {
    value = static_cast<uint64_t>(stored ^ kSign);
  } else if constexpr (std::is_same_v<T, arrow::HalfFloatType>) {
    value = arrow::util::Float16::FromDouble(LoadDouble(stored)).bits();
  } else if constexpr (arrow::is_floating_type<T>::value) {
    value = static_cast<Value>(LoadDouble(stored));
  } else {
    value = static_cast<Value>(stored);
    return static_cast<int64_t>(value) == stored;
  }
  return true;
}

template <class T>
class IntegerWriter final : public CellWriter {
 public:
  using Array = typename arrow::TypeTraits<T>::ArrayType;
  explicit IntegerWriter(std::shared_ptr<arrow::Array> array)
      : holder_(std::move(array)), array_(static_cast<const Array&>(*holder_)) {}

  Result<void> Get(int64_t row, SqlValue& cell) override {
    if (array_.IsNull(row)) {
      cell = std::nullopt;
    } else {
      cell = Store<T>(array_.Value(row));
    }
    return {};
  }

 private:
  const std::shared_ptr<arrow::Array> holder_;
  const Array& array_;
};

// What decoders share: the column and the builder of its array. `Decoder` has TakeValue(), for what is not
// null.
template <class Decoder, class Builder>
class BuilderDecoder : public ColumnDecoder {
 public:
  BuilderDecoder(std::shared_ptr<arrow::Field> field, std::unique_ptr<arrow::ArrayBuilder> builder)
      : field_(std::move(field)), builder_(std::move(builder)) {}

  Result<std::shared_ptr<arrow::Array>> Finish() final {
    auto array = builder_->Finish();
    if (!array.ok()) return NoMemory(array.status());
    return *std::move(array);
  }

 protected:
  bool Take(const Cell& cell) final {
    if (std::holds_alternative<std::monostate>(cell)) return Done(builder_->AppendNull());
    return static_cast<Decoder&>(*this).TakeValue(cell);
  }

  [[nodiscard]] Builder& builder() { return static_cast<Builder&>(*builder_); }
  [[nodiscard]] const arrow::Field& field() const { return *field_; }
  bool RefuseDamage(std::string_view what) { return Refuse(Damaged(*field_, what)); }
  bool RefuseKind() { return RefuseDamage("a value of another kind is stored there"); }
  bool RefuseLength(size_t bytes) { return RefuseDamage(fmt::format("{} bytes are stored", bytes)); }
  bool Done(const arrow::Status& status) { return status.ok() || Refuse(NoMemory(status)); }

 private:
  const std::shared_ptr<arrow::Field> field_;
  const std::unique_ptr<arrow::ArrayBuilder> builder_;
};

template <class T>
class IntegerDecoder final
    : public BuilderDecoder<IntegerDecoder<T>, typename arrow::TypeTraits<T>::BuilderType> {
 public:
  using Base = BuilderDecoder<IntegerDecoder<T>, typename arrow::TypeTraits<T>::BuilderType>;
  using Base::Base;

  bool TakeValue(const Cell& cell) {
    const auto* stored = std::get_if<int64_t>(&cell);
    if (stored == nullptr) return this->RefuseKind();
    typename T::c_type value{};
    if (!Load<T>(*stored, value)) return this->RefuseDamage(fmt::format("{} is out of range", *stored));
    return this->Done(this->builder().Append(value));
  }
};

// --- Text and bytes

template <class T>
class ViewWriter final : public CellWriter {
 public:
  using Array = typename arrow::TypeTraits<T>::ArrayType;
  static constexpr bool kIsText = arrow::is_string_type<T>::value || std::is_same_v<T, arrow::StringViewType>;

  explicit ViewWriter(std::shared_ptr<arrow::Array> array)
      : holder_(std::move(array)), array_(static_cast<const Array&>(*holder_)) {}

  Result<void> Get(int64_t row, SqlValue& cell) override {
    if (array_.IsNull(row)) {
      cell = std::nullopt;
      return {};
    }
    const std::string_view view = array_.GetView(row);
    if constexpr (kIsText) {
      cell = view;
    } else {
      cell = SqlBytes(reinterpret_cast<const uint8_t*>(view.data()), view.size());
    }
    return {};
  }

  int64_t Length(int64_t row) const override {
    return array_.IsNull(row) ? 0 : static_cast<int64_t>(array_.GetView(row).size());
  }

  // The first row whose text holds U+0000; -1: none.
  [[nodiscard]] int64_t FindZero() const {
    for (int64_t row = 0; row < array_.length(); ++row) {
      if (!array_.IsNull(row) && array_.GetView(row).find('\0') != std::string_view::npos) return row;
    }
    return -1;
  }

 private:
  const std::shared_ptr<arrow::Array> holder_;
  const Array& array_;
};

// Never null: Arrow copies also what is empty.
std::string_view ViewOf(const Cell& cell) {
  const auto* const text = std::get_if<std::string_view>(&cell);
  if (text != nullptr) return text->empty() ? "" : *text;
  const auto& bytes = std::get<SqlBytes>(cell);
  if (bytes.empty()) return "";
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <class T>
class ViewDecoder final : public BuilderDecoder<ViewDecoder<T>, typename arrow::TypeTraits<T>::BuilderType> {
 public:
  using Base = BuilderDecoder<ViewDecoder<T>, typename arrow::TypeTraits<T>::BuilderType>;
  using Base::Base;

  bool TakeValue(const Cell& cell) {
    const bool right = ViewWriter<T>::kIsText ? std::holds_alternative<std::string_view>(cell)
                                              : std::holds_alternative<SqlBytes>(cell);
    if (!right) return this->RefuseKind();
    const std::string_view view = ViewOf(cell);
    if constexpr (std::is_same_v<T, arrow::FixedSizeBinaryType>) {
      if (static_cast<int>(view.size()) != this->builder().byte_width())
        return this->RefuseLength(view.size());
    }
    return this->Done(this->builder().Append(view));
  }
};

// --- Decimals

constexpr size_t kWidestDecimal = 32;

// Arrow's bytes, least significant first, to and from those that are stored. The sign bit is inverted.
void Reverse(const uint8_t* from, size_t width, uint8_t* to) { std::reverse_copy(from, from + width, to); }

class DecimalWriter final : public CellWriter {
 public:
  explicit DecimalWriter(std::shared_ptr<arrow::Array> array)
      : holder_(std::move(array)),
        array_(static_cast<const arrow::FixedSizeBinaryArray&>(*holder_)),
        width_(static_cast<size_t>(array_.byte_width())) {}

  Result<void> Get(int64_t row, SqlValue& cell) override {
    if (array_.IsNull(row)) {
      cell = std::nullopt;
      return {};
    }
    Reverse(array_.GetValue(row), width_, bytes_.data());
    bytes_[0] ^= 0x80;
    cell = SqlBytes(bytes_.data(), width_);
    return {};
  }

 private:
  const std::shared_ptr<arrow::Array> holder_;
  const arrow::FixedSizeBinaryArray& array_;
  const size_t width_;
  std::array<uint8_t, kWidestDecimal> bytes_{};
};

class DecimalDecoder final : public BuilderDecoder<DecimalDecoder, arrow::FixedSizeBinaryBuilder> {
 public:
  using BuilderDecoder::BuilderDecoder;

  bool TakeValue(const Cell& cell) {
    const auto* stored = std::get_if<SqlBytes>(&cell);
    if (stored == nullptr) return RefuseKind();
    if (static_cast<int>(stored->size()) != builder().byte_width()) return RefuseLength(stored->size());
    std::array<uint8_t, kWidestDecimal> bytes;
    Reverse(stored->data(), stored->size(), bytes.data());
    bytes[stored->size() - 1] ^= 0x80;
    return Done(builder().Append(bytes.data()));
  }
};

// --- What has no form of its own: a record batch of one row and one column, as Arrow IPC, without its
// schema.

std::shared_ptr<arrow::Schema> SchemaOfOne(const arrow::DataType& type) {
  return arrow::schema({arrow::field("v", type.GetSharedPtr())});
}

class IpcWriter final : public CellWriter {
 public:
  explicit IpcWriter(std::shared_ptr<arrow::Array> array)
      : array_(std::move(array)), schema_(SchemaOfOne(*array_->type())) {}

  Result<void> Get(int64_t row, SqlValue& cell) override {
    if (array_->IsNull(row)) {
      cell = std::nullopt;
      return {};
    }
    const auto one = arrow::RecordBatch::Make(schema_, 1, {array_->Slice(row, 1)});
    auto bytes = arrow::ipc::SerializeRecordBatch(*one, arrow::ipc::IpcWriteOptions::Defaults());
    if (!bytes.ok()) return NoMemory(bytes.status());
    bytes_ = *std::move(bytes);
    cell = SqlBytes(bytes_->data(), static_cast<size_t>(bytes_->size()));
    return {};
  }

 private:
  const std::shared_ptr<arrow::Array> array_;
  const std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::Buffer> bytes_;
};

class IpcDecoder final : public BuilderDecoder<IpcDecoder, arrow::ArrayBuilder> {
 public:
  IpcDecoder(std::shared_ptr<arrow::Field> field, std::unique_ptr<arrow::ArrayBuilder> builder)
      : BuilderDecoder(std::move(field), std::move(builder)), schema_(SchemaOfOne(*this->field().type())) {
    options_.ensure_alignment = arrow::ipc::Alignment::kDataTypeSpecificAlignment;
  }

  bool TakeValue(const Cell& cell) {
    const auto* stored = std::get_if<SqlBytes>(&cell);
    if (stored == nullptr) return RefuseKind();
    arrow::io::BufferReader reader(
        std::make_shared<arrow::Buffer>(stored->data(), static_cast<int64_t>(stored->size())));
    const arrow::ipc::DictionaryMemo none;
    const auto batch = arrow::ipc::ReadRecordBatch(schema_, &none, options_, &reader);
    if (!batch.ok()) return RefuseDamage(batch.status().message());
    if ((*batch)->num_rows() != 1) return RefuseDamage("not one value is stored");
    if (const auto valid = (*batch)->ValidateFull(); !valid.ok()) return RefuseDamage(valid.message());
    return Done(builder().AppendArraySlice(arrow::ArraySpan(*(*batch)->column(0)->data()), 0, 1));
  }

 private:
  const std::shared_ptr<arrow::Schema> schema_;
  arrow::ipc::IpcReadOptions options_ = arrow::ipc::IpcReadOptions::Defaults();
};

// --- The table

template <class Writer>
Result<std::unique_ptr<CellWriter>> MakeWriter(const arrow::Field&, std::shared_ptr<arrow::Array> array) {
  return std::unique_ptr<CellWriter>(std::make_unique<Writer>(std::move(array)));
}

template <class Writer>
Result<std::unique_ptr<CellWriter>> MakeTextWriter(const arrow::Field& field,
                                                   std::shared_ptr<arrow::Array> array) {
  auto writer = std::make_unique<Writer>(std::move(array));
  if (const int64_t row = writer->FindZero(); row >= 0) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("column '{}': the text of row {} holds U+0000, which no text column can",
                             field.name(), row),
                 TableDetail{TableFault::kInvalidValue, {}, field.name()});
  }
  return std::unique_ptr<CellWriter>(std::move(writer));
}

template <class Decoder>
Result<std::unique_ptr<ColumnDecoder>> MakeDecoder(const std::shared_ptr<arrow::Field>& field) {
  auto builder = arrow::MakeBuilder(field->type());
  if (!builder.ok()) return NoMemory(builder.status());
  return std::unique_ptr<ColumnDecoder>(std::make_unique<Decoder>(field, *std::move(builder)));
}

}  // namespace

struct FormTable {
  using Form = ColumnCodec::Form;
  template <class T>
  static constexpr Form kInteger{SqlKind::kInteger, true, false, MakeWriter<IntegerWriter<T>>,
                                 MakeDecoder<IntegerDecoder<T>>};
  template <class T>
  static constexpr Form kText{SqlKind::kText, true, true, MakeTextWriter<ViewWriter<T>>,
                              MakeDecoder<ViewDecoder<T>>};
  template <class T>
  static constexpr Form kBytes{SqlKind::kBytes, true, true, MakeWriter<ViewWriter<T>>,
                               MakeDecoder<ViewDecoder<T>>};
  static constexpr Form kDecimal{SqlKind::kBytes, true, false, MakeWriter<DecimalWriter>,
                                 MakeDecoder<DecimalDecoder>};
  static constexpr Form kIpc{SqlKind::kBytes, false, true, MakeWriter<IpcWriter>, MakeDecoder<IpcDecoder>};
};

// Null: there is none.
const ColumnCodec::Form* ColumnCodec::FormOf(const arrow::DataType& type) {
  using arrow::Type;
  switch (type.id()) {
#define JAMMI_FORM(id, form) \
  case Type::id:             \
    return &FormTable::form
    JAMMI_FORM(BOOL, kInteger<arrow::BooleanType>);
    JAMMI_FORM(INT8, kInteger<arrow::Int8Type>);
    JAMMI_FORM(INT16, kInteger<arrow::Int16Type>);
    JAMMI_FORM(INT32, kInteger<arrow::Int32Type>);
    JAMMI_FORM(INT64, kInteger<arrow::Int64Type>);
    JAMMI_FORM(UINT8, kInteger<arrow::UInt8Type>);
    JAMMI_FORM(UINT16, kInteger<arrow::UInt16Type>);
    JAMMI_FORM(UINT32, kInteger<arrow::UInt32Type>);
    JAMMI_FORM(UINT64, kInteger<arrow::UInt64Type>);
    JAMMI_FORM(HALF_FLOAT, kInteger<arrow::HalfFloatType>);
    JAMMI_FORM(FLOAT, kInteger<arrow::FloatType>);
    JAMMI_FORM(DOUBLE, kInteger<arrow::DoubleType>);
    JAMMI_FORM(DATE32, kInteger<arrow::Date32Type>);
    JAMMI_FORM(DATE64, kInteger<arrow::Date64Type>);
    JAMMI_FORM(TIME32, kInteger<arrow::Time32Type>);
    JAMMI_FORM(TIME64, kInteger<arrow::Time64Type>);
    JAMMI_FORM(TIMESTAMP, kInteger<arrow::TimestampType>);
    JAMMI_FORM(DURATION, kInteger<arrow::DurationType>);
    JAMMI_FORM(STRING, kText<arrow::StringType>);
    JAMMI_FORM(LARGE_STRING, kText<arrow::LargeStringType>);
    JAMMI_FORM(STRING_VIEW, kText<arrow::StringViewType>);
    JAMMI_FORM(BINARY, kBytes<arrow::BinaryType>);
    JAMMI_FORM(LARGE_BINARY, kBytes<arrow::LargeBinaryType>);
    JAMMI_FORM(BINARY_VIEW, kBytes<arrow::BinaryViewType>);
    JAMMI_FORM(FIXED_SIZE_BINARY, kBytes<arrow::FixedSizeBinaryType>);
    JAMMI_FORM(DECIMAL32, kDecimal);
    JAMMI_FORM(DECIMAL64, kDecimal);
    JAMMI_FORM(DECIMAL128, kDecimal);
    JAMMI_FORM(DECIMAL256, kDecimal);
    JAMMI_FORM(INTERVAL_MONTHS, kIpc);
    JAMMI_FORM(INTERVAL_DAY_TIME, kIpc);
    JAMMI_FORM(INTERVAL_MONTH_DAY_NANO, kIpc);
    JAMMI_FORM(LIST, kIpc);
    JAMMI_FORM(LARGE_LIST, kIpc);
    JAMMI_FORM(FIXED_SIZE_LIST, kIpc);
    JAMMI_FORM(STRUCT, kIpc);
    JAMMI_FORM(MAP, kIpc);
#undef JAMMI_FORM
    default:
      return nullptr;
  }
}

Result<ColumnCodec> ColumnCodec::Make(std::shared_ptr<arrow::Field> field) {
  // What is in a nested type must have a form too: a null child or a dictionary has none.
  const auto storable = [](const auto& self, const arrow::DataType& type) -> bool {
    if (FormOf(type) == nullptr) return false;
    return std::ranges::all_of(type.fields(), [&](const auto& child) { return self(self, *child->type()); });
  };
  if (!storable(storable, *field->type())) {
    const std::string type = field->type()->ToString();
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("column '{}': a table cannot hold {}", field->name(), type),
                 UnsupportedSchemaTypeDetail{field->name(), type});
  }
  const Form* form = FormOf(*field->type());
  return ColumnCodec(std::move(field), form);
}

SqlKind ColumnCodec::kind() const { return form_->kind; }
bool ColumnCodec::ordered() const { return form_->ordered; }
bool ColumnCodec::variable() const { return form_->variable; }

Result<std::unique_ptr<CellWriter>> ColumnCodec::NewWriter(std::shared_ptr<arrow::Array> array) const {
  return form_->writer(*field_, std::move(array));
}

Result<std::unique_ptr<ColumnDecoder>> ColumnCodec::NewDecoder() const { return form_->decoder(field_); }

}  // namespace jammi
