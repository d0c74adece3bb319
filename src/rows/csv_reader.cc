#include "rows/csv_reader.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/printable.h"
#include "base/text.h"

namespace jammi {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

Result<void> CsvReader::Feed(std::string_view bytes) {
  for (const char c : bytes) {
    JAMMI_TRY(Take(c));
    if (c == '\n') ++line_;
    ++bytes_;
    // Some programs begin a file with a mark that is no part of the first name.
    if (bytes_ == 3 && field_ == kByteOrderMark) {
      field_.clear();
      place_ = Place::kFieldStart;
    }
  }
  return {};
}

Result<void> CsvReader::End() {
  if (place_ == Place::kQuoted) return Here("a quote is not closed");
  if (place_ != Place::kFieldStart || !fields_.empty()) JAMMI_TRY(EndRecord());
  if (columns_.empty()) return Here("there is no header, the first line names the columns");
  if (builder_->rows() > 0) JAMMI_TRY(Cut());
  return {};
}

Error CsvReader::Here(std::string_view what) const {
  return {ErrorCode::kInvalidArgument, fmt::format("line {}: {}", record_line_, what)};
}

Result<void> CsvReader::Take(char c) {
  switch (place_) {
    case Place::kQuoted:
      if (c == '"') {
        place_ = Place::kQuoteInside;
      } else {
        field_ += c;
      }
      return {};
    case Place::kQuoteInside:
      if (c == '"') {
        field_ += c;
        place_ = Place::kQuoted;
        return {};
      }
      if (c != ',' && c != '\r' && c != '\n')
        return Here("behind a closing quote there is more than a comma");
      return TakeOutside(c);
    case Place::kCarriageReturn:
      if (c != '\n') return Here("a carriage return stands alone");
      return TakeOutside(c);
    case Place::kFieldStart:
      if (c == '"') {
        place_ = Place::kQuoted;
        quoted_ = true;
        return {};
      }
      return TakeOutside(c);
    case Place::kPlain:
      if (c == '"') return Here("a quote stands inside a field that does not begin with one");
      return TakeOutside(c);
  }
  return {};
}

Result<void> CsvReader::TakeOutside(char c) {
  if (c == '\n') return EndRecord();
  if (c == ',') {
    EndField();
    place_ = Place::kFieldStart;
  } else if (c == '\r') {
    place_ = Place::kCarriageReturn;
  } else {
    field_ += c;
    place_ = Place::kPlain;
  }
  return {};
}

void CsvReader::EndField() {
  if (field_.empty() && !quoted_) {
    fields_.emplace_back();
  } else {
    fields_.emplace_back(std::move(field_));
  }
  field_.clear();
  quoted_ = false;
}

Result<void> CsvReader::EndRecord() {
  EndField();
  place_ = Place::kFieldStart;
  auto fields = std::exchange(fields_, {});
  const int64_t next_line = line_ + 1;
  if (fields.size() == 1 && !fields[0]) {  // an empty line
    record_line_ = next_line;
    return {};
  }
  if (columns_.empty()) {
    fields_ = std::move(fields);
    JAMMI_TRY(Header());
    fields_.clear();
    record_line_ = next_line;
    return {};
  }
  if (fields.size() != columns_.size())
    return Here(fmt::format("it has {} fields, and the header {}", fields.size(), columns_.size()));
  std::vector<std::optional<std::string>> row(schema_->num_fields());
  for (size_t i = 0; i < fields.size(); ++i) row[columns_[i]] = std::move(fields[i]);
  if (auto appended = builder_->AppendTexts(row); !appended)
    return std::move(appended).error().While(fmt::format("line {}", record_line_));
  record_line_ = next_line;
  return builder_->rows() == rows_per_batch_ ? Cut() : Result<void>();
}

Result<void> CsvReader::Header() {
  const std::vector<std::string> names = schema_->field_names();
  const std::vector<std::string_view> views(names.begin(), names.end());
  for (const auto& field : fields_) {
    const std::string name = field.value_or("");
    if (!IsValidUtf8(name))
      return Here(fmt::format("a name in the header is not UTF-8: '{}'", Printable(name)));
    const int column = schema_->GetFieldIndex(name);
    if (column < 0 && fields_.size() == 1 && name.find_first_of(";\t|") != std::string::npos)
      return Here(fmt::format("there is one field, '{}': commas are wanted between them", name));
    if (column < 0) {
      const std::string nearest = Nearest(name, views);
      return Here(fmt::format("there is no column '{}'{}", name,
                              nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest)));
    }
    if (std::ranges::find(columns_, column) != columns_.end())
      return Here(fmt::format("column '{}' is there twice", name));
    columns_.push_back(column);
  }
  return {};
}

Result<void> CsvReader::Cut() {
  auto batch = builder_->Take();
  if (!batch) return std::move(batch).error().While(fmt::format("line {} or before", record_line_));
  ready_.push_back(*std::move(batch));
  return {};
}

}  // namespace jammi
