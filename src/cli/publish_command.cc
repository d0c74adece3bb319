// jammi publish, jammi trigger publish
#include <arrow/api.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/publication.h"
#include "cli/remote.h"
#include "cli/report.h"
#include "cli/topics.h"
#include "command_line/progress.h"
#include "rows/ipc_stream.h"
#include "rows/row_reader.h"

namespace jammi {
namespace {

struct Arguments {
  std::string topic;
  std::string file = "-";
  std::string format;  // empty: by the file's name
  int64_t rows_per_event = 0;
  std::string producer_key;
};

Error Bad(std::string text) { return {ErrorCode::kInvalidArgument, std::move(text)}; }

Result<RowFormat> FormatOf(const Arguments& arguments) {
  const std::string extension = std::filesystem::path(arguments.file).extension().string();
  const auto is = [&](std::string_view format, std::initializer_list<std::string_view> extensions) {
    return arguments.format.empty() ? std::ranges::find(extensions, extension) != extensions.end()
                                    : arguments.format == format;
  };
  if (is("json", {".json", ".jsonl", ".ndjson"})) return RowFormat::kJson;
  if (is("csv", {".csv"})) return RowFormat::kCsv;
  if (is("arrow", {".arrow", ".arrows", ".ipc", ".feather"})) return RowFormat::kArrow;
  if (is("parquet", {".parquet", ".pq"})) {
    return Error(ErrorCode::kUnimplemented,
                 "Parquet is not read by this build: make it an Arrow file first, in Python "
                 "pyarrow.feather.write_feather(pyarrow.parquet.read_table('x.parquet'), 'x.arrow', "
                 "compression='uncompressed')");
  }
  if (arguments.file == "-") return RowFormat::kJson;
  return Bad(fmt::format("--file {}: its name does not say what is in it: give --format", arguments.file));
}

// A descriptor that is closed again, unless it is the standard input.
class Input {
 public:
  static Result<Input> Open(const std::string& file) {
    if (file == "-") return Input(STDIN_FILENO);
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
      const auto reason = std::generic_category().message(errno);
      return Error(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
                   fmt::format("--file {}: {}", file, reason));
    }
    return Input(fd);
  }
  Input(Input&& other) noexcept : fd_(std::exchange(other.fd_, STDIN_FILENO)) {}
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  Input& operator=(Input&&) = delete;
  ~Input() {
    if (fd_ != STDIN_FILENO) ::close(fd_);
  }

  // What is there, waiting for some; empty: the end.
  [[nodiscard]] Result<std::string_view> Read() {
    for (;;) {
      const ssize_t got = ::read(fd_, buffer_.data(), buffer_.size());
      if (got >= 0) return std::string_view(buffer_.data(), static_cast<size_t>(got));
      if (errno != EINTR)
        return Error(ErrorCode::kUnavailable,
                     fmt::format("the input cannot be read: {}", std::generic_category().message(errno)));
    }
  }

 private:
  explicit Input(int fd) : fd_(fd) {}
  int fd_;
  std::string buffer_ = std::string(size_t{256} << 10, '\0');
};

std::optional<uint64_t> SizeOf(const std::string& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  return error ? std::optional<uint64_t>() : size;
}

Result<void> PublishAll(Input& input, RowReader& reader, Publication& publication, Progress& progress,
                        std::optional<uint64_t> total) {
  uint64_t read = 0;
  for (bool more = true; more;) {
    JAMMI_ASSIGN(const auto bytes, input.Read());
    read += bytes.size();
    more = !bytes.empty();
    const auto parsed = more ? reader.Feed(bytes) : reader.End();
    for (const auto& batch : reader.Take())
      JAMMI_TRY(publication.Add(*batch));  // what stands before an error too
    // Whoever feeds us row by row has each published at once.
    JAMMI_TRY(more || !parsed ? publication.Pause() : publication.Flush());
    JAMMI_TRY(parsed);
    progress.Update(publication.report().events, 0, read, total);
  }
  return {};
}

void Print(const RemoteCall& call, const std::string& topic, const Publication::Report& report) {
  if (call.json()) {
    nlohmann::ordered_json json = {{"topic", topic},         {"events", report.events},
                                   {"rows", report.rows},    {"first_offset", nullptr},
                                   {"last_offset", nullptr}, {"duplicates", report.duplicates}};
    if (report.events > 0) json["first_offset"] = report.first_offset;
    if (report.events > 0) json["last_offset"] = report.last_offset;
    PrintJson(call.out, json);
    return;
  }
  call.out << fmt::format("Published {} event(s) with {} row(s) to '{}'", report.events, report.rows,
                          Printable(topic));
  if (report.events > 0)
    call.out << fmt::format(" (offsets {} to {})", report.first_offset, report.last_offset);
  call.out << (report.duplicates > 0 ? fmt::format(", {} of them were there already.\n", report.duplicates)
                                     : ".\n");
}

Result<void> Publish(const RemoteCall& call, const Arguments& arguments) {
  JAMMI_ASSIGN(const RowFormat format, FormatOf(arguments));
  JAMMI_ASSIGN(Input input, Input::Open(arguments.file));
  JAMMI_ASSIGN(const auto topic, FindTopic(call.channel, arguments.topic));
  JAMMI_ASSIGN(auto schema, DecodeSchemaStream(topic.schema()));
  JAMMI_ASSIGN(const auto reader, RowReader::Make(format, std::move(schema), arguments.rows_per_event));
  Publication publication(call.channel, arguments.topic, arguments.producer_key);
  Result<void> done;
  {
    Progress progress(call.err, IsDecorated(STDERR_FILENO));
    done = PublishAll(input, *reader, publication, progress, SizeOf(arguments.file));
  }
  const auto& report = publication.report();
  if (!done && report.events > 0) {
    return std::move(done).error().While(
        fmt::format("{} event(s) are published, up to offset {}; then", report.events, report.last_offset));
  }
  JAMMI_TRY(done);
  Print(call, arguments.topic, report);
  return {};
}

}  // namespace

void AddPublishCommand(CLI::App& parent, const RemotePtr& remote) {
  const auto arguments = std::make_shared<Arguments>();
  auto* publish = AddRemoteCommand(
      parent, remote,
      {.name = "publish",
       .description = "Publish rows to a topic, from a file or the standard input",
       .examples =
           "jammi publish quakes --file quakes.jsonl\n"
           "jammi publish quakes --file quakes.csv --rows-per-event 1000 --producer-key load-2026-01-02\n"
           "tail -f quakes.log | jammi publish quakes",
       .verb = [arguments](const RemoteCall& call) { return Publish(call, *arguments); }});
  publish->add_option("topic", arguments->topic, "The topic")->type_name("TOPIC")->required();
  publish->add_option("--file", arguments->file, "What is published; -: the standard input")
      ->option_text("FILE  (default: -)");
  publish->add_option("--format", arguments->format, "What is in it; else the file's name says so")
      ->check(CLI::IsMember({"json", "csv", "arrow", "parquet"}))
      ->option_text("json|csv|arrow|parquet");
  publish
      ->add_option("--rows-per-event", arguments->rows_per_event,
                   "So many rows make an event; else each row, and each batch of Arrow data")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}))
      ->option_text("N");
  publish
      ->add_option("--producer-key", arguments->producer_key,
                   "A name for this input: published again under it, nothing happens twice")
      ->type_name("KEY");
}

}  // namespace jammi
