// jammi catalog status|check|migrate|backup|new-incarnation|copy
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

#include "base/text.h"
#include "cli/command.h"
#include "command_line/error_text.h"
#include "jammi/catalog_admin.h"
#include "jammi/config.h"

namespace jammi {
namespace {

struct CatalogArguments {
  std::string config;  // empty: the usual search
  bool config_given = false;
  std::string catalog;  // empty: the configuration's
  std::string output = "text";
  std::string file;
  std::string from;
  std::string to;
  bool move = false;
};

// --- Which catalog

Result<CatalogLocation> Configured(const CatalogArguments& arguments) {
  LoadOptions options{.log_warnings = false};
  if (arguments.config_given) options.path = arguments.config;
  JAMMI_ASSIGN(const LoadedConfig loaded, LoadConfig(options));
  if (const auto* postgres = std::get_if<PostgresCatalogConfig>(&loaded.config.catalog)) {
    return CatalogLocation{.kind = BackendKind::kPostgres, .url = postgres->url};
  }
  return CatalogLocation{.kind = BackendKind::kSqlite, .path = loaded.config.CatalogPath()};
}

Result<CatalogLocation> Locate(const CatalogArguments& arguments, const std::string& given) {
  return given.empty() ? Configured(arguments) : ParseCatalogLocation(given);
}

// What a database says of itself does not say which it is.
Exit FailAt(const Program& program, const CatalogLocation& location, Error error) {
  const std::string name = ToString(location);
  const std::string path = location.path.string();
  const bool named = error.message().find(name) != std::string::npos ||
                     (!path.empty() && error.message().find(path) != std::string::npos);
  return Fail(program.err, named ? error : std::move(error).While(name));
}

// --- status

using State = MigrationStatus::State;

std::string Size(uint64_t bytes) {
  if (bytes < 10'000) return fmt::format("{} bytes", bytes);
  if (bytes < 10'000'000) return fmt::format("{} kB", bytes / 1000);
  return fmt::format("{} MB", bytes / 1'000'000);
}

std::string InUse(const CatalogStatus& status) {
  if (status.location.kind == BackendKind::kPostgres) {
    return status.engine_connections == 0
               ? "no engine is connected"
               : fmt::format("connections of engines: {}", status.engine_connections);
  }
  if (!status.holder) return "no engine has it open";
  return fmt::format("an engine has it open: process {} on {} since {}", status.holder->pid,
                     status.holder->host, status.holder->started_at);
}

void PrintMigrations(const CatalogStatus& status, std::ostream& out) {
  size_t applied = 0;
  for (const auto& migration : status.migrations) applied += migration.state == State::kApplied ? 1 : 0;
  out << fmt::format("migrations: {} applied", applied);
  if (applied == status.migrations.size()) out << ", none missing";
  out << '\n';
  for (const auto& migration : status.migrations) {
    if (migration.state == State::kMissing)
      out << fmt::format("  {} is missing: jammi catalog migrate\n", migration.name);
    if (migration.state == State::kUnknown)
      out << fmt::format("  {} is unknown: a newer version wrote it\n", migration.name);
    if (migration.state == State::kAltered)
      out << fmt::format("  {} has another text here\n", migration.name);
  }
}

std::string MarkText(const CatalogStatus& status) {
  switch (status.mark) {
    case CatalogMark::kNone:
      return {};
    case CatalogMark::kBackup:
      return fmt::format("a backup of {}: the engine that opens it gives it a new incarnation\n",
                         status.mark_note);
    case CatalogMark::kUnfinishedCopy:
      return fmt::format("an unfinished copy of {}: run jammi catalog copy again\n", status.mark_note);
    case CatalogMark::kMoved:
      return fmt::format("moved to {}: no engine opens this one\n", status.mark_note);
  }
  return {};
}

void PrintText(const CatalogStatus& status, std::ostream& out) {
  out << fmt::format("catalog: {}\n{}", ToString(status.location), MarkText(status));
  out << fmt::format("incarnation: {}\nformat: {}\n",
                     status.incarnation.empty() ? "none" : status.incarnation, status.format);
  PrintMigrations(status, out);
  out << fmt::format("size: {}\n{}\n", Size(status.bytes), InUse(status));
  out << "rows:\n";
  for (const auto& [table, rows] : status.rows) out << fmt::format("  {:<28} {:>12}\n", table, rows);
}

void PrintJson(const CatalogStatus& status, std::ostream& out) {
  nlohmann::ordered_json json = {{"kind", ToString(status.location.kind)},
                                 {"catalog", ToString(status.location)},
                                 {"incarnation", status.incarnation},
                                 {"format", status.format},
                                 {"created_at", FormatUtc(status.created_at)},
                                 {"mark", ToString(status.mark)},
                                 {"mark_note", status.mark_note},
                                 {"bytes", status.bytes}};
  json["migrations"] = nlohmann::ordered_json::array();
  for (const auto& migration : status.migrations) {
    nlohmann::ordered_json one = {{"name", migration.name}, {"state", ToString(migration.state)}};
    one["applied_at"] = nullptr;
    if (migration.applied_at != 0) one["applied_at"] = FormatUtc(migration.applied_at);
    json["migrations"].push_back(std::move(one));
  }
  json["rows"] = status.rows;
  json["holder"] = nullptr;
  if (status.holder) {
    json["holder"] = {{"pid", status.holder->pid},
                      {"host", status.holder->host},
                      {"started_at", status.holder->started_at}};
  }
  if (status.location.kind == BackendKind::kPostgres) json["engine_connections"] = status.engine_connections;
  out << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

Exit Status(const Program& program, const CatalogArguments& arguments) {
  const auto location = Locate(arguments, arguments.catalog);
  if (!location) return Fail(program.err, location.error());
  const auto status = ReadCatalogStatus(*location);
  if (!status) return FailAt(program, *location, status.error());
  if (arguments.output == "json") {
    PrintJson(*status, program.out);
  } else {
    PrintText(*status, program.out);
  }
  return Exit::kDone;
}

// --- The others

Exit CheckCatalog(const Program& program, const CatalogArguments& arguments) {
  const auto location = Locate(arguments, arguments.catalog);
  if (!location) return Fail(program.err, location.error());
  const auto report = CheckCatalog(*location, [&](const CheckFinding& finding) {
    program.out << fmt::format("{}: {}\n", finding.where, finding.what);
  });
  if (!report) return FailAt(program, *location, report.error());
  program.out << fmt::format(
      "checked {}: {} topics, {} events, {}\n", ToString(*location), report->topics, report->events,
      report->findings == 0 ? "nothing is wrong" : fmt::format("{} findings", report->findings));
  return report->findings == 0 ? Exit::kDone : Exit::kFailed;
}

Exit Migrate(const Program& program, const CatalogArguments& arguments) {
  const auto location = Locate(arguments, arguments.catalog);
  if (!location) return Fail(program.err, location.error());
  const auto applied = MigrateCatalog(*location);
  if (!applied) return FailAt(program, *location, applied.error());
  for (const std::string& name : *applied) program.out << fmt::format("applied {}\n", name);
  program.out << fmt::format("{} is up to date\n", ToString(*location));
  return Exit::kDone;
}

Exit Backup(const Program& program, const CatalogArguments& arguments) {
  const auto location = Locate(arguments, arguments.catalog);
  if (!location) return Fail(program.err, location.error());
  const auto report = BackupCatalog(*location, arguments.file);
  if (!report) return FailAt(program, *location, report.error());
  program.out << fmt::format("backed up {} to {}: {}, incarnation {}\n", ToString(*location), arguments.file,
                             Size(report->bytes), report->incarnation);
  return Exit::kDone;
}

Exit Renew(const Program& program, const CatalogArguments& arguments) {
  const auto location = Locate(arguments, arguments.catalog);
  if (!location) return Fail(program.err, location.error());
  const auto incarnation = NewIncarnation(*location);
  if (!incarnation) return FailAt(program, *location, incarnation.error());
  program.out << fmt::format("{} has incarnation {}\n", ToString(*location), *incarnation);
  return Exit::kDone;
}

Exit Copy(const Program& program, const CatalogArguments& arguments) {
  const auto from = Locate(arguments, arguments.from);
  if (!from) return Fail(program.err, from.error());
  const auto to = ParseCatalogLocation(arguments.to);
  if (!to) return Fail(program.err, to.error());
  CopyOptions options{.move = arguments.move};
  if (IsDecorated(STDERR_FILENO)) {
    // A table's last batch is told by its end too.
    options.progress = [&, last = std::string()](std::string_view table, int64_t rows) mutable {
      auto line = fmt::format("copied {} rows of {}\n", rows, table);
      if (line != last) program.err << line;
      last = std::move(line);
    };
  }
  const auto report = CopyCatalog(*from, *to, options);
  if (!report) {
    return Fail(program.err,
                Error(report.error()).While(fmt::format("copying {} to {}", ToString(*from), ToString(*to))));
  }
  for (const CopiedTable& table : report->tables) {
    program.out << fmt::format("{:<28} {:>12} rows  checksum {:016x}\n", table.name, table.rows,
                               table.checksum);
  }
  program.out << fmt::format(
      "{} {} to {}{}, incarnation {}\n", arguments.move ? "moved" : "copied", ToString(*from), ToString(*to),
      report->resumed ? " (going on with a copy that was begun)" : "", report->incarnation);
  return Exit::kDone;
}

// --- The command line

using Verb = Exit (*)(const Program&, const CatalogArguments&);

struct Builder {
  CLI::App& parent;
  Program& program;
  std::shared_ptr<CatalogArguments> arguments;

  CLI::App* Add(const char* name, const char* description, Verb verb, const char* footer) const {
    auto* command = parent.add_subcommand(name, description);
    command
        ->add_option_function<std::string>(
            "--config",
            [held = arguments](const std::string& path) {
              held->config = path;
              held->config_given = true;
            },
            "The configuration file; else $JAMMI_CONFIG, ./jammi.toml, or the one of the platform")
        ->type_name("FILE");
    command->footer(footer);
    command->callback([&chosen = program, held = arguments, verb] {
      chosen.action = [&chosen, held, verb] { return verb(chosen, *held); };
    });
    return command;
  }
  CLI::App* AddForOne(const char* name, const char* description, Verb verb, const char* footer) const {
    auto* command = Add(name, description, verb, footer);
    command
        ->add_option("--catalog", arguments->catalog,
                     "sqlite:FILE or postgres://...; else the configured one")
        ->type_name("CATALOG");
    return command;
  }
};

}  // namespace

void AddCatalogCommand(CLI::App& app, Program& program) {
  const auto arguments = std::make_shared<CatalogArguments>();
  auto* catalog = app.add_subcommand("catalog", "Look at the catalog, check it, back it up, move it");
  catalog->require_subcommand(1);
  const Builder builder{*catalog, program, arguments};

  builder
      .AddForOne(
          "status", "Say where it is, how far migrated, how large, and who uses it", Status,
          "\nIt changes nothing and works beside a running engine.\n\nExamples:\n  jammi catalog status\n"
          "  jammi catalog status --catalog sqlite:/backup/catalog.db --output json")
      ->add_option("--output", arguments->output, "Form of the output")
      ->check(CLI::IsMember({"text", "json"}))
      ->option_text("text|json  (default: text)");

  builder.AddForOne(
      "check", "Read all of it and say what is wrong", CheckCatalog,
      "\nIt changes nothing and works beside a running engine.\n\nExample:\n  jammi catalog check\n\n"
      "Exit status: 0 nothing is wrong, 1 something is, or it could not be read, 2 wrong usage.");

  builder.AddForOne(
      "migrate", "Bring its schema up to date; create it if it is not there", Migrate,
      "\nAn engine does the same when it opens the catalog.\n\nExample:\n  jammi catalog migrate");

  builder
      .AddForOne("backup", "Write a SQLite catalog into a new file, while engines may run", Backup,
                 "\nTo restore, put the file where the catalog was and start the engine.\n\nExample:\n"
                 "  jammi catalog backup /backup/catalog-monday.db")
      ->add_option("file", arguments->file, "The new file")
      ->type_name("FILE")
      ->required();

  builder.AddForOne(
      "new-incarnation", "Tell readers that their stored positions mean nothing any more", Renew,
      "\nTo be run after the database was restored by its own means, with no engine running.\n\n"
      "Example:\n  jammi catalog new-incarnation");

  auto* copy =
      builder.Add("copy", "Copy it into another database, events included", Copy,
                  "\nRun it again to go on with a copy that was interrupted. A password can come from the\n"
                  "environment (PGPASSWORD) or ~/.pgpass.\n\nExamples:\n"
                  "  jammi catalog copy --to sqlite:/tmp/catalog.db\n"
                  "  jammi catalog copy --from sqlite:catalog.db --to postgres://db/jammi --move");
  copy->add_option("--from", arguments->from, "sqlite:FILE or postgres://...; else the configured one")
      ->type_name("CATALOG");
  copy->add_option("--to", arguments->to,
                   "sqlite:FILE that is not there, or postgres://... of an empty database")
      ->type_name("CATALOG")
      ->required();
  copy->add_flag("--move", arguments->move,
                 "Retire the source: positions that readers have stored stay valid in the copy");
}

}  // namespace jammi
