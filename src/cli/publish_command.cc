// jammi publish, jammi trigger publish
#include <arrow/api.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/invalid.h"
#include "base/text.h"
#include "cli/input.h"
#include "cli/parquet_reader.h"
#include "cli/publication.h"
#include "cli/remote.h"
#include "cli/report.h"
#include "cli/topics.h"
#include "command_line/progress.h"
#include "rows/ipc_stream.h"
#include "rows/row_reader.h"

namespace jammi {
namespace {

struct PublishArguments {
  std::string topic;
  std::string file = "-";
  std::string format;  // empty: by the file's name
  int64_t rows_per_event = 0;
  std::string producer_key;
};

// A row group may be of a million rows, and be more than a call may carry.
constexpr int64_t kParquetRowsPerEvent = 1000;

// nullopt: Parquet, which is not read as it comes, but from its end.
Result<std::optional<RowFormat>> FormatOf(const PublishArguments& arguments) {
  const std::string extension = AsciiLower(std::filesystem::path(arguments.file).extension().string());
  const auto is = [&](std::string_view format, std::initializer_list<std::string_view> extensions) {
    return arguments.format.empty() ? std::ranges::find(extensions, extension) != extensions.end()
                                    : arguments.format == format;
  };
  if (is("json", {".json", ".jsonl", ".ndjson"})) return RowFormat::kJson;
  if (is("csv", {".csv"})) return RowFormat::kCsv;
  if (is("arrow", {".arrow", ".arrows", ".ipc", ".feather"})) return RowFormat::kArrow;
  if (is("parquet", {".parquet", ".pq"})) return std::optional<RowFormat>();
  if (arguments.file == "-") return RowFormat::kJson;
  return Invalid(
      fmt::format("--file {}: its name does not say what is in it: give --format", arguments.file));
}

std::optional<uint64_t> SizeOf(const std::string& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  return error ? std::optional<uint64_t>() : size;
}

Result<void> PublishStream(Input& input, RowReader& reader, Publication& publication, Progress& progress,
                           const StopSignal& stop, std::optional<uint64_t> total) {
  uint64_t read = 0;
  for (bool more = true; more;) {
    JAMMI_ASSIGN(const auto bytes, input.Read(stop));
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

Result<void> PublishParquet(ParquetReader& reader, Publication& publication, Progress& progress,
                            const StopSignal& stop) {
  uint64_t rows = 0;
  for (;;) {
    JAMMI_TRY(stop.Check());
    const auto batch = reader.Next();
    if (!batch || !*batch) {
      JAMMI_TRY(batch ? publication.Flush() : publication.Pause());  // what stands before an error too
      JAMMI_TRY(batch);
      return {};
    }
    JAMMI_TRY(publication.Add(**batch));
    rows += static_cast<uint64_t>((*batch)->num_rows());
    progress.Update(publication.report().events, 0, rows, static_cast<uint64_t>(reader.total_rows()));
  }
}

Result<void> PublishAll(const PublishArguments& arguments, std::optional<RowFormat> format, Input& input,
                        std::shared_ptr<arrow::Schema> schema, Publication& publication, Progress& progress,
                        const StopSignal& stop) {
  const int64_t rows = arguments.rows_per_event;
  if (format) {
    JAMMI_ASSIGN(const auto reader, RowReader::Make(*format, std::move(schema), rows));
    return PublishStream(input, *reader, publication, progress, stop, SizeOf(arguments.file));
  }
  JAMMI_ASSIGN(const auto reader, ParquetReader::Open(input.descriptor(), std::move(schema),
                                                      rows == 0 ? kParquetRowsPerEvent : rows));
  return PublishParquet(*reader, publication, progress, stop);
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

Result<void> Publish(const RemoteCall& call, const PublishArguments& arguments) {
  JAMMI_ASSIGN(const auto format, FormatOf(arguments));
  JAMMI_ASSIGN(Input input, Input::Open(arguments.file));
  JAMMI_ASSIGN(const auto topic, FindTopic(call.channel, arguments.topic));
  JAMMI_ASSIGN(auto schema, DecodeSchemaStream(topic.schema()));
  Publication publication(call.channel, arguments.topic, arguments.producer_key);
  Result<void> done;
  {
    const StopSignal stop;
    Progress progress(call.err, IsDecorated(STDERR_FILENO));
    done = PublishAll(arguments, format, input, std::move(schema), publication, progress, stop);
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
  const auto arguments = std::make_shared<PublishArguments>();
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
      ->add_option(
          "--rows-per-event", arguments->rows_per_event,
          "So many rows make an event; else each row, each batch of Arrow data, and 1000 rows of Parquet")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}))
      ->option_text("N");
  publish
      ->add_option("--producer-key", arguments->producer_key,
                   "A name for this input: published again under it, nothing happens twice")
      ->check([](const std::string& key) {  // of a variable that is not set: nobody means "without a key"
        return key.empty() ? std::string("it is empty") : std::string();
      })
      ->type_name("KEY");
}

}  // namespace jammi
