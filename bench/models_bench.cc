// The model registry at 1,000 and 100,000 models, and beside it the same statements on SQLite itself:
// prepared once, the same file settings, the same rows read into the same record. Reads happen on the
// caller's thread and are measured by its processor time, registrations by the wall clock.
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "catalog/migrations.h"
#include "catalog/model_repo.h"
#include "jammi/models.h"

namespace jammi {
namespace {

constexpr int kVersions = 4;  // of each name
constexpr int kRegistrations = 100;
constexpr int kGets = 20'000;
constexpr int kRounds = 9;
constexpr int kPageSize = 100;
constexpr auto kTenantText = "aaaaaaaa-0000-4000-8000-000000000001";
constexpr std::string_view kConfig =
    R"({"dimensions":384,"pooling":"mean","normalize":true,"max_tokens":512})";

template <class T>
T Ok(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().ToString());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

std::string Sql(std::string_view name) {
  for (const auto& statement : ModelStatements()) {
    if (statement.name != name) continue;
    std::string text(statement.sql);
    std::replace(text.begin(), text.end(), '$', '?');
    return text;
  }
  throw std::runtime_error(fmt::format("no statement {}", name));
}

std::string NameOf(int i) { return fmt::format("organisation/model-{}", i / kVersions); }

// Models of the global scope, but every fourth name is the tenant's. One transaction on either database.
std::string FillSql(int models) {
  return fmt::format(
      "INSERT INTO models (scope, name, version, model_uid, model_type, task, backend, status, "
      "artifact_path, "
      "config_json, revision, created_at, updated_at) "
      "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {0} - 1) "
      "SELECT CASE WHEN i / {1} % 4 = 0 THEN '{2}' ELSE '' END, 'organisation/model-' || (i / {1}), i % {1} "
      "+ 1, "
      "printf('0190aabb-ccdd-7eef-8011-%012d', i), 'embedding', 'text_embedding', 'candle', 'registered', "
      "'s3://models/artifacts/' || i, '{3}', 1, i, i FROM n",
      models, kVersions, kTenantText, kConfig);
}

// SQLite without us.
class Raw {
 public:
  explicit Raw(const std::filesystem::path& path) {
    Check(sqlite3_open_v2(path.c_str(), &db_,
                          SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr));
    Run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
    for (const auto& migration : Migrations()) Run(std::string(migration.sql));
  }
  ~Raw() {
    for (auto* statement : {insert_, get_, page_}) sqlite3_finalize(statement);
    sqlite3_close(db_);
  }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;

  void Run(const std::string& sql) { Check(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr)); }
  void Prepare() {
    insert_ = Compile("insert");
    get_ = Compile("get");
    page_ = Compile("page");
  }

  void Insert(const std::string& name, int version) {
    const std::string uid = Uuid::TimeOrderedV7(Clock::System()->Now() / 1000).ToString();
    const std::string_view texts[] = {"",       name, {}, uid,    "embedding", "text_embedding",
                                      "candle", {},   {}, kConfig};
    for (int i = 0; i < 10; ++i) {
      if (texts[i].data() != nullptr) Bind(insert_, i + 1, texts[i]);
    }
    sqlite3_bind_int64(insert_, 3, version);
    sqlite3_bind_int64(insert_, 11, Clock::System()->Now());
    Rows(insert_, [] {});
  }
  bool Get(std::string_view scope, const std::string& name) {
    bool found = false;
    Bind(get_, 1, scope);
    Bind(get_, 2, name);
    Rows(get_, [&] {
      const ModelRecord record = Read(get_);
      found = record.version == kVersions;
    });
    return found;
  }
  std::vector<ModelRecord> Page(std::string_view scope, const ModelRecord& after) {
    std::vector<ModelRecord> rows;
    rows.reserve(kPageSize);
    const std::string owner = after.owner.Key();
    Bind(page_, 1, scope);
    sqlite3_bind_int64(page_, 2, after.created_at);
    Bind(page_, 3, after.model_id);
    sqlite3_bind_int64(page_, 4, after.version);
    Bind(page_, 5, owner);
    sqlite3_bind_int64(page_, 6, kPageSize);
    Rows(page_, [&] { rows.push_back(Read(page_)); });
    return rows;
  }

 private:
  static void Check(int code) {
    if (code != SQLITE_OK) throw std::runtime_error(sqlite3_errstr(code));
  }
  sqlite3_stmt* Compile(std::string_view name) {
    sqlite3_stmt* statement = nullptr;
    Check(sqlite3_prepare_v3(db_, Sql(name).c_str(), -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
    return statement;
  }
  static void Bind(sqlite3_stmt* statement, int index, std::string_view text) {
    Check(sqlite3_bind_text(statement, index, text.data(), static_cast<int>(text.size()), SQLITE_STATIC));
  }
  template <class Fn>
  static void Rows(sqlite3_stmt* statement, Fn fn) {
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) fn();
    Check(sqlite3_reset(statement));
    if (code != SQLITE_DONE) Check(code);
  }
  static std::optional<std::string> Text(sqlite3_stmt* statement, int column) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
    if (text == nullptr) return std::nullopt;
    return std::string(text, static_cast<size_t>(sqlite3_column_bytes(statement, column)));
  }
  // The columns in the order of the statements.
  static ModelRecord Read(sqlite3_stmt* row) {
    ModelRecord record;
    record.owner = Ok(Scope::FromKey(*Text(row, 0)));
    record.model_id = *Text(row, 1);
    record.version = sqlite3_column_int(row, 2);
    record.uid.value = *Text(row, 3);
    record.model_type = *Text(row, 4);
    record.task = Ok(ParseModelTask(*Text(row, 5)));
    record.backend = *Text(row, 6);
    record.status = Ok(ParseModelStatus(*Text(row, 7)));
    record.base_model_id = Text(row, 8);
    record.artifact_path = Text(row, 9);
    record.config_json = Text(row, 10);
    record.revision = sqlite3_column_int64(row, 11);
    record.created_at = sqlite3_column_int64(row, 12);
    record.updated_at = sqlite3_column_int64(row, 13);
    return record;
  }

  sqlite3* db_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  sqlite3_stmt* get_ = nullptr;
  sqlite3_stmt* page_ = nullptr;
};

double WallSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Of this thread: what else the machine does is not in it.
double CpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// The best of several rounds, in turns.
struct Times {
  double ours = std::numeric_limits<double>::infinity();
  double raw = std::numeric_limits<double>::infinity();
};
Times Race(double (*clock)(), const std::function<void()>& ours, const std::function<void()>& raw) {
  Times best;
  for (int round = 0; round < kRounds; ++round) {
    const double start = clock();
    ours();
    const double middle = clock();
    raw();
    best.ours = std::min(best.ours, middle - start);
    best.raw = std::min(best.raw, clock() - middle);
  }
  return best;
}

void Report(int models, std::string_view what, int64_t count, Times times) {
  fmt::print("{:>8} {:<28} {:>12.0f} /s {:>12.0f} /s {:>7.2f}\n", models, what,
             static_cast<double>(count) / times.ours, static_cast<double>(count) / times.raw,
             times.raw / times.ours);
}

void Measure(int models, const std::filesystem::path& folder) {
  SqliteOptions options;
  options.path = folder / "ours.db";
  const std::shared_ptr<Catalog> catalog = Ok(OpenSqliteCatalog(options));
  const std::shared_ptr<CatalogBackend> backend(catalog, &catalog->backend());
  const Scope tenant = Scope::ForTenant(Ok(TenantId::Parse(kTenantText)));
  Models global(backend, Scope::Global(), Clock::System());
  Models tenants(backend, tenant, Clock::System());
  Raw raw(folder / "raw.db");

  const std::string fill = FillSql(models);
  Ok(backend->RunTransaction({.lane = Lane::kBulk}, [&](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute(fill));
    return {};
  }));
  raw.Run(fill);
  raw.Prepare();

  // Reads first: both files are then of the same size.
  std::mt19937 random(1);
  std::vector<int> own;   // names of the tenant
  std::vector<int> rest;  // global ones
  for (int i = 0; i < kGets; ++i) {
    const int name = static_cast<int>(random() % static_cast<uint32_t>(models / kVersions)) * kVersions;
    (name / kVersions % 4 == 0 ? own : rest).push_back(name);
  }
  const auto get = [&](std::string_view what, Models& reader, const std::vector<int>& names,
                       std::initializer_list<std::string_view> scopes) {
    const auto ours = [&] {
      for (const int i : names) {
        if (Ok(reader.Get(NameOf(i))).version != kVersions) throw std::runtime_error("wrong version");
      }
    };
    const auto theirs = [&] {
      for (const int i : names) {
        bool found = false;
        for (const auto scope : scopes) found = found || raw.Get(scope, NameOf(i));
        if (!found) throw std::runtime_error("wrong version");
      }
    };
    Report(models, what, static_cast<int64_t>(names.size()), Race(CpuSeconds, ours, theirs));
  };
  get("get, own", tenants, own, {kTenantText});
  get("get, global by tenant", tenants, rest, {kTenantText, ""});
  get("get, global", global, rest, {""});

  int64_t listed = 0;
  int64_t raw_listed = 0;
  const auto list = [&] {
    std::string token;
    do {
      const auto page = Ok(global.List(kPageSize, token));
      listed += static_cast<int64_t>(page.items.size());
      token = page.next_page_token;
    } while (!token.empty());
  };
  const auto raw_list = [&] {
    ModelRecord last;
    last.created_at = INT64_MIN;
    while (true) {
      auto rows = raw.Page("", last);
      if (rows.empty()) break;
      raw_listed += static_cast<int64_t>(rows.size());
      last = std::move(rows.back());
    }
  };
  const Times lists = Race(CpuSeconds, list, raw_list);
  if (listed != raw_listed) throw std::runtime_error(fmt::format("listed {} and {}", listed, raw_listed));
  Report(models, fmt::format("list, models, pages of {}", kPageSize), listed / kRounds, lists);

  RegisterModelParams params = {.model_id = "new/model",
                                .model_type = "embedding",
                                .backend = "candle",
                                .config_json = std::string(kConfig)};
  int version = 0;
  int raw_version = 0;
  const auto add = [&] {
    for (int i = 0; i < kRegistrations; ++i) {
      params.version = ++version;
      Ok(global.Register(params));
    }
  };
  const auto raw_add = [&] {
    for (int i = 0; i < kRegistrations; ++i) raw.Insert(params.model_id, ++raw_version);
  };
  Report(models, "register, one thread", kRegistrations, Race(WallSeconds, add, raw_add));
  catalog->Close();
}

int Main() {
  std::string folder = (std::filesystem::temp_directory_path() / "jammi_models_bench_XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no temporary folder");
  fmt::print("{:>8} {:<28} {:>15} {:>15} {:>7}\n", "models", "", "registry", "raw SQLite", "ratio");
  for (const int models : {1000, 100'000}) {
    const auto sub = std::filesystem::path(folder) / std::to_string(models);
    std::filesystem::create_directory(sub);
    Measure(models, sub);
  }
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace jammi

int main() {
  try {
    return jammi::Main();
  } catch (const std::exception& error) {
    fmt::print(stderr, "models_bench: {}\n", error.what());
    return 1;
  }
}
