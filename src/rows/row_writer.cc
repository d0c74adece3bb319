#include "rows/row_writer.h"

#include <arrow/api.h>
#include <arrow/io/interfaces.h>
#include <arrow/ipc/api.h>
#include <fmt/format.h>

#include <ostream>

#include "rows/row_json.h"

namespace jammi {
namespace {

class JsonWriter final : public RowWriter {
 public:
  explicit JsonWriter(std::ostream& out) : out_(out) {}
  [[nodiscard]] Result<void> Write(const arrow::RecordBatch& batch) override {
    std::string text;
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      AppendRowJson(batch, row, text);
      text += '\n';
    }
    out_ << text;
    return {};
  }
  [[nodiscard]] Result<void> End() override { return {}; }

 private:
  std::ostream& out_;
};

// A text that could be taken for null, or for more than one field, has quotes.
void AppendCsv(std::string_view text, std::string& line) {
  if (!text.empty() && text.find_first_of("\",\r\n") == std::string_view::npos) {
    line += text;
    return;
  }
  line += '"';
  for (const char c : text) {
    if (c == '"') line += '"';
    line += c;
  }
  line += '"';
}

class CsvWriter final : public RowWriter {
 public:
  CsvWriter(std::ostream& out, const arrow::Schema& schema) : out_(out) {
    std::string line;
    for (const auto& name : schema.field_names()) {
      if (!line.empty()) line += ',';
      AppendCsv(name, line);
    }
    out_ << line << '\n';
  }
  [[nodiscard]] Result<void> Write(const arrow::RecordBatch& batch) override {
    std::string text;
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      for (int i = 0; i < batch.num_columns(); ++i) {
        if (i > 0) text += ',';
        if (!batch.column(i)->IsNull(row)) AppendCsv(CellText(*batch.column(i), row), text);
      }
      text += '\n';
    }
    out_ << text;
    return {};
  }
  [[nodiscard]] Result<void> End() override { return {}; }

 private:
  std::ostream& out_;
};

class StreamOutput final : public arrow::io::OutputStream {
 public:
  explicit StreamOutput(std::ostream& out) : out_(out) {}
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  [[nodiscard]] bool closed() const override { return closed_; }
  [[nodiscard]] arrow::Result<int64_t> Tell() const override { return position_; }
  using arrow::io::OutputStream::Write;
  arrow::Status Write(const void* data, int64_t bytes) override {
    out_.write(static_cast<const char*>(data), bytes);
    position_ += bytes;
    return arrow::Status::OK();
  }

 private:
  std::ostream& out_;
  int64_t position_ = 0;
  bool closed_ = false;
};

Error Refused(const arrow::Status& status) {
  return {ErrorCode::kInvalidArgument, fmt::format("Arrow IPC: {}", status.message())};
}

class ArrowWriter final : public RowWriter {
 public:
  explicit ArrowWriter(std::shared_ptr<arrow::ipc::RecordBatchWriter> writer) : writer_(std::move(writer)) {}
  [[nodiscard]] Result<void> Write(const arrow::RecordBatch& batch) override {
    if (const auto written = writer_->WriteRecordBatch(batch); !written.ok()) return Refused(written);
    return {};
  }
  [[nodiscard]] Result<void> End() override {
    if (const auto closed = writer_->Close(); !closed.ok()) return Refused(closed);
    return {};
  }

 private:
  const std::shared_ptr<arrow::ipc::RecordBatchWriter> writer_;
};

}  // namespace

std::string CellText(const arrow::Array& array, int64_t i) {
  if (array.IsNull(i)) return {};
  if (array.type_id() == arrow::Type::STRING)
    return static_cast<const arrow::StringArray&>(array).GetString(i);
  if (array.type_id() == arrow::Type::LARGE_STRING)
    return static_cast<const arrow::LargeStringArray&>(array).GetString(i);
  std::string text;
  AppendValueJson(array, i, text);
  if (text.starts_with('"') && !arrow::is_nested(array.type_id())) text = text.substr(1, text.size() - 2);
  return text;
}

Result<std::unique_ptr<RowWriter>> RowWriter::Make(RowFormat format, std::ostream& out,
                                                   const std::shared_ptr<arrow::Schema>& schema) {
  if (format == RowFormat::kJson) return std::unique_ptr<RowWriter>(std::make_unique<JsonWriter>(out));
  if (format == RowFormat::kCsv) return std::unique_ptr<RowWriter>(std::make_unique<CsvWriter>(out, *schema));
  auto writer = arrow::ipc::MakeStreamWriter(std::make_shared<StreamOutput>(out), schema);
  if (!writer.ok()) return Refused(writer.status());
  return std::unique_ptr<RowWriter>(std::make_unique<ArrowWriter>(*std::move(writer)));
}

}  // namespace jammi
