#include "cli/event_printer.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "base/text.h"
#include "cli/report.h"
#include "rows/row_writer.h"

namespace jammi {
namespace {

// In Arrow's form a time is a time, in the others the text that the project prints everywhere.
std::shared_ptr<arrow::DataType> TimeType(std::string_view form) {
  return form == "arrow" ? arrow::timestamp(arrow::TimeUnit::MICRO, "UTC") : arrow::utf8();
}

std::shared_ptr<arrow::Schema> Widened(const arrow::Schema& schema, std::string_view form) {
  arrow::FieldVector fields = {arrow::field("_offset", arrow::uint64(), false),
                               arrow::field("_produced_at", TimeType(form), false)};
  fields.insert(fields.end(), schema.fields().begin(), schema.fields().end());
  return arrow::schema(std::move(fields));
}

size_t WidthOf(const arrow::Field& field) {
  size_t width = 24;
  if (field.name() == "_produced_at") width = 27;
  if (arrow::is_integer(field.type()->id())) width = 10;
  if (arrow::is_floating(field.type()->id())) width = 12;
  if (field.type()->id() == arrow::Type::BOOL) width = 5;
  return std::max(width, field.name().size());
}

// Columns of fixed widths: nobody knows yet what comes.
class TableWriter final : public RowWriter {
 public:
  TableWriter(std::ostream& out, std::shared_ptr<arrow::Schema> schema)
      : schema_(std::move(schema)), table_(out, Columns(*schema_), Rule(*schema_)) {
    table_.Header();
  }
  [[nodiscard]] Result<void> Write(const arrow::RecordBatch& batch) override {
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      std::vector<std::string> cells;
      for (const auto& column : batch.columns())
        cells.push_back(column->IsNull(row) ? std::string(kDash) : CellText(*column, row));
      table_.Row(cells);
    }
    return {};
  }
  [[nodiscard]] Result<void> End() override { return {}; }

 private:
  static std::vector<TextTable::Column> Columns(const arrow::Schema& schema) {
    std::vector<TextTable::Column> columns;
    for (const auto& field : schema.fields()) columns.push_back({field->name(), WidthOf(*field)});
    columns.back().width = 0;
    return columns;
  }
  static size_t Rule(const arrow::Schema& schema) {
    size_t rule = 0;
    for (const auto& field : schema.fields()) rule += WidthOf(*field) + 1;
    return rule - 1;
  }

  const std::shared_ptr<arrow::Schema> schema_;  // holds the names
  const TextTable table_;
};

class Printer final : public EventPrinter {
 public:
  Printer(std::shared_ptr<arrow::Schema> topic, std::shared_ptr<arrow::Schema> printed,
          std::unique_ptr<RowWriter> writer)
      : topic_(std::move(topic)), printed_(std::move(printed)), writer_(std::move(writer)) {}

  [[nodiscard]] Result<void> Print(uint64_t offset, UnixMicros produced_at,
                                   const arrow::RecordBatch& batch) override {
    if (!batch.schema()->Equals(*topic_, /*check_metadata=*/false)) {
      return Error(ErrorCode::kFailedPrecondition,
                   fmt::format("the topic's columns have changed: go on with --from {}", offset));
    }
    if (printed_ == topic_) return writer_->Write(batch);
    arrow::ArrayVector arrays;
    for (const auto& scalar :
         {std::shared_ptr<arrow::Scalar>(std::make_shared<arrow::UInt64Scalar>(offset)), Time(produced_at)}) {
      auto array = arrow::MakeArrayFromScalar(*scalar, batch.num_rows());
      if (!array.ok()) return Error(ErrorCode::kResourceExhausted, array.status().message());
      arrays.push_back(*std::move(array));
    }
    for (const auto& column : batch.columns()) arrays.push_back(column);
    return writer_->Write(*arrow::RecordBatch::Make(printed_, batch.num_rows(), std::move(arrays)));
  }
  [[nodiscard]] Result<void> End() override { return writer_->End(); }

 private:
  [[nodiscard]] std::shared_ptr<arrow::Scalar> Time(UnixMicros time) const {
    const auto& type = printed_->field(1)->type();
    if (type->id() == arrow::Type::STRING) return std::make_shared<arrow::StringScalar>(FormatUtc(time));
    return std::make_shared<arrow::TimestampScalar>(time, type);
  }

  const std::shared_ptr<arrow::Schema> topic_;
  const std::shared_ptr<arrow::Schema> printed_;
  const std::unique_ptr<RowWriter> writer_;
};

Result<std::unique_ptr<RowWriter>> WriterOf(std::string_view form, std::ostream& out,
                                            const std::shared_ptr<arrow::Schema>& schema) {
  if (form == "json") return RowWriter::Make(RowFormat::kJson, out, schema);
  if (form == "csv") return RowWriter::Make(RowFormat::kCsv, out, schema);
  if (form == "arrow") return RowWriter::Make(RowFormat::kArrow, out, schema);
  return std::unique_ptr<RowWriter>(std::make_unique<TableWriter>(out, schema));
}

}  // namespace

Result<std::unique_ptr<EventPrinter>> EventPrinter::Make(std::string_view form, bool rows_only,
                                                         const std::shared_ptr<arrow::Schema>& schema,
                                                         std::ostream& out) {
  const auto printed = rows_only ? schema : Widened(*schema, form);
  JAMMI_ASSIGN(auto writer, WriterOf(form, out, printed));
  return std::unique_ptr<EventPrinter>(std::make_unique<Printer>(schema, printed, std::move(writer)));
}

}  // namespace jammi
