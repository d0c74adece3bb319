#include "cli/parquet_reader.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <parquet/arrow/reader.h>
#include <parquet/file_reader.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "base/invalid.h"
#include "rows/fit.h"

namespace jammi {
namespace {

constexpr std::string_view kMagic = "PAR1";           // at both ends of a file
constexpr std::string_view kEncryptedMagic = "PARE";  // at the end, if the footer is encrypted

// The library throws where a file is damaged in ways that it does not foresee.
template <class Run>
auto Guarded(Run run) -> decltype(run()) {
  try {
    return run();
  } catch (const std::exception& error) {
    return arrow::Status::Invalid(error.what());
  }
}

// What a stranger to the format can tell of the file, in our words.
Result<void> CheckEnds(int descriptor) {
  struct stat status = {};
  const bool known = ::fstat(descriptor, &status) == 0;
  if (known && S_ISDIR(status.st_mode)) return Invalid("this is a directory, and no Parquet file");
  if (!known || !S_ISREG(status.st_mode)) {
    return Invalid(
        "Parquet is read from its end, and this input has none yet: put it into a file, and give that "
        "with --file");
  }
  const auto read = [&](int64_t at) {
    std::array<char, 4> bytes = {};
    const ssize_t got = at < 0 ? 0 : ::pread(descriptor, bytes.data(), bytes.size(), at);
    return std::string(bytes.data(), static_cast<size_t>(std::max<ssize_t>(0, got)));
  };
  const std::string tail = read(status.st_size - 4);
  if (tail == kEncryptedMagic || read(0) == kEncryptedMagic) return Invalid("encrypted Parquet is not read");
  if (read(0) != kMagic) return Invalid("this is no Parquet file: it does not begin with PAR1");
  if (tail != kMagic || status.st_size < 12)
    return Invalid("the Parquet file is cut off: its end is not there");
  return {};
}

arrow::Result<std::unique_ptr<parquet::arrow::FileReader>> OpenFile(int descriptor, int64_t rows_per_batch) {
  const int own = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return arrow::Status::IOError(std::generic_category().message(errno));
  ARROW_ASSIGN_OR_RAISE(auto source, arrow::io::ReadableFile::Open(own));  // closes it
  parquet::ReaderProperties properties;
  properties.enable_buffered_stream();  // a column of a row group is not held as a whole
  auto file = parquet::ParquetFileReader::Open(std::move(source), properties);
  parquet::ArrowReaderProperties arrow_properties(/*use_threads=*/false);
  arrow_properties.set_batch_size(rows_per_batch);
  arrow_properties.set_pre_buffer(false);
  return parquet::arrow::FileReader::Make(arrow::default_memory_pool(), std::move(file), arrow_properties);
}

}  // namespace

struct ParquetReader::State {
  std::shared_ptr<arrow::Schema> schema;
  std::unique_ptr<parquet::arrow::FileReader> file;
  std::unique_ptr<arrow::RecordBatchReader> group;  // at hand; none: the next one is to be opened
  int next_group = 0;
};

ParquetReader::ParquetReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ParquetReader::~ParquetReader() = default;

Result<std::unique_ptr<ParquetReader>> ParquetReader::Open(int descriptor,
                                                           std::shared_ptr<arrow::Schema> schema,
                                                           int64_t rows_per_batch) {
  JAMMI_TRY(CheckEnds(descriptor));
  auto file = Guarded([&] { return OpenFile(descriptor, rows_per_batch); });
  if (!file.ok()) return Invalid(fmt::format("the Parquet file is damaged: {}", file.status().message()));
  std::shared_ptr<arrow::Schema> given;
  const auto read = Guarded([&] { return (*file)->GetSchema(&given); });
  if (!read.ok())
    return Invalid(fmt::format("the Parquet file's columns cannot be read: {}", read.message()));
  JAMMI_TRY(CheckFits(*given, *schema));
  auto state = std::make_unique<State>();
  state->schema = std::move(schema);
  state->file = *std::move(file);
  return std::unique_ptr<ParquetReader>(new ParquetReader(std::move(state)));
}

Result<std::shared_ptr<arrow::RecordBatch>> ParquetReader::Next() {
  State& state = *state_;
  const auto failed = [&](const arrow::Status& status) {
    return Invalid(fmt::format("row group {}: {}", state.next_group, status.message()));
  };
  for (;;) {
    if (!state.group) {
      if (state.next_group == state.file->num_row_groups()) return std::shared_ptr<arrow::RecordBatch>();
      auto group = Guarded([&] { return state.file->GetRecordBatchReader({state.next_group}); });
      ++state.next_group;
      if (!group.ok()) return failed(group.status());
      state.group = *std::move(group);
    }
    const auto batch = Guarded([&] { return state.group->Next(); });
    if (!batch.ok()) return failed(batch.status());
    if (!*batch) {
      state.group.reset();
    } else if ((*batch)->num_rows() > 0) {
      if (const auto valid = (*batch)->ValidateFull(); !valid.ok()) return failed(valid);
      auto fitted = FitBatch(**batch, state.schema);
      if (!fitted) return std::move(fitted).error().While(fmt::format("row group {}", state.next_group));
      return fitted;
    }
  }
}

int64_t ParquetReader::total_rows() const { return state_->file->parquet_reader()->metadata()->num_rows(); }

}  // namespace jammi
