#include "bench/sqlite_rival.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "bench/job_rows.h"
#include "bench/model_rows.h"
#include "catalog/changes.h"
#include "catalog/event_key.h"
#include "catalog/job_repo.h"
#include "catalog/sqlite/log_statements.h"
#include "catalog/sqlite/statement_text.h"
#include "jammi/clock.h"
#include "jammi/ids.h"

namespace jammi::bench {
namespace {

void Check(int code) {
  if (code != SQLITE_OK) throw std::runtime_error(sqlite3_errstr(code));
}

void Bind(sqlite3_stmt* statement, int index, std::string_view text) {
  Check(sqlite3_bind_text(statement, index, text.data(), static_cast<int>(text.size()), SQLITE_STATIC));
}
void Bind(sqlite3_stmt* statement, int index, int64_t value) {
  Check(sqlite3_bind_int64(statement, index, value));
}

template <class Fn>
void EachRow(sqlite3_stmt* statement, Fn fn) {
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(statement)) == SQLITE_ROW) fn();
  Check(sqlite3_reset(statement));
  if (code != SQLITE_DONE) Check(code);
}

struct Cells {
  sqlite3_stmt* row;
  [[nodiscard]] std::optional<std::string> Text(int column) const {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
    if (text == nullptr) return std::nullopt;
    return std::string(text, static_cast<size_t>(sqlite3_column_bytes(row, column)));
  }
  [[nodiscard]] int64_t Int(int column) const { return sqlite3_column_int64(row, column); }
  [[nodiscard]] bool IsNull(int column) const { return sqlite3_column_type(row, column) == SQLITE_NULL; }
};

void Now(sqlite3_context* context, int /*count*/, sqlite3_value** /*values*/) {
  sqlite3_result_int64(context, Clock::System()->Now());
}

}  // namespace

SqliteRival::SqliteRival(const std::filesystem::path& file, int64_t event_bytes)
    : payload_(static_cast<size_t>(event_bytes), 'x') {
  Check(sqlite3_open_v2(file.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr));
  Check(
      sqlite3_create_function_v2(db_, "jammi_now", 0, SQLITE_UTF8, nullptr, Now, nullptr, nullptr, nullptr));
  Run("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 2000");
  begin_ = Prepare("BEGIN IMMEDIATE");
  commit_ = Prepare("COMMIT");
  savepoint_ = Prepare("SAVEPOINT body");
  release_ = Prepare("RELEASE body");
  get_ = Prepare(StatementText(ModelStatements(), "get"));
  page_ = Prepare(StatementText(ModelStatements(), "page"));
  insert_ = Prepare(StatementText(ModelStatements(), "insert"));
  advance_ = Prepare(sqlite::kAdvanceHead);
  event_ = Prepare(sqlite::kInsertEvent);
  claim_ = Prepare(StatementText(JobQueueStatements(BackendKind::kSqlite), "claim"));
}

SqliteRival::~SqliteRival() {
  for (auto* statement : statements_) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

void SqliteRival::Run(std::string_view sql) {
  Check(sqlite3_exec(db_, std::string(sql).c_str(), nullptr, nullptr, nullptr));
}

sqlite3_stmt* SqliteRival::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  Check(sqlite3_prepare_v3(db_, sqlite::NumberPlaceholders(sql).c_str(), -1, SQLITE_PREPARE_PERSISTENT,
                           &statement, nullptr));
  statements_.push_back(statement);
  return statement;
}

void SqliteRival::Step(sqlite3_stmt* statement) {
  EachRow(statement, [] {});
}

std::optional<ModelRecord> SqliteRival::Get(std::string_view scope, std::string_view name) {
  std::optional<ModelRecord> found;
  Bind(get_, 1, scope);
  Bind(get_, 2, name);
  EachRow(get_, [&] { found = ReadModel(Cells{get_}); });
  return found;
}

std::vector<ModelRecord> SqliteRival::Page(std::string_view scope, const ModelRecord& after) {
  std::vector<ModelRecord> rows;
  rows.reserve(kPageSize);
  const std::string owner = after.owner.Key();
  Bind(page_, 1, scope);
  Bind(page_, 2, after.created_at);
  Bind(page_, 3, after.model_id);
  Bind(page_, 4, after.version);
  Bind(page_, 5, owner);
  Bind(page_, 6, kPageSize);
  EachRow(page_, [&] { rows.push_back(ReadModel(Cells{page_})); });
  return rows;
}

template <class Fn>
void SqliteRival::InSavepoint(bool several, Fn fn) {
  if (several) Step(savepoint_);
  fn();
  if (several) Step(release_);
}

void SqliteRival::InsertModel(const ModelKey& key) {
  const std::string uid = Uuid::TimeOrderedV7(Clock::System()->Now() / 1000).ToString();
  const std::string_view texts[] = {"",       key.name, {}, uid,    "embedding", "text_embedding",
                                    "candle", {},       {}, kConfig};
  for (int i = 0; i < 10; ++i) {
    if (texts[i].data() != nullptr) Bind(insert_, i + 1, texts[i]);
  }
  Bind(insert_, 3, key.version);
  EachRow(insert_, [&] { (void)ReadModel(Cells{insert_}); });
}

void SqliteRival::AppendEvents(int64_t count) {
  Bind(advance_, 1, kChangesTopicNo);
  Bind(advance_, 2, count);
  Bind(advance_, 3, count * static_cast<int64_t>(payload_.size()));
  Bind(advance_, 4, Clock::System()->Now());
  Bind(advance_, 5, kOffsetLimit);
  int64_t end = 0;
  int64_t committed_at = 0;
  EachRow(advance_, [&] {
    end = sqlite3_column_int64(advance_, 0);
    committed_at = sqlite3_column_int64(advance_, 1);
  });
  for (int64_t offset = end - count; offset < end; ++offset) {
    Bind(event_, 1, EventKey(kChangesTopicNo, offset));
    Bind(event_, 2, committed_at);
    Bind(event_, 3, std::string_view(""));
    Bind(event_, 4, int64_t{1});
    Bind(event_, 5, offset);
    Check(sqlite3_bind_blob(event_, 6, payload_.data(), static_cast<int>(payload_.size()), SQLITE_STATIC));
    Step(event_);
  }
}

void SqliteRival::Register(std::span<const ModelKey> models, bool events) {
  Step(begin_);
  for (const ModelKey& key : models) {
    InSavepoint(models.size() > 1, [&] { InsertModel(key); });
  }
  if (events) AppendEvents(static_cast<int64_t>(models.size()));
  Step(commit_);
}

int SqliteRival::Claim(int count) {
  int found = 0;
  Step(begin_);
  for (int i = 0; i < count; ++i) {
    InSavepoint(count > 1, [&] {
      Bind(claim_, 1, "rival");
      Bind(claim_, 2, int64_t{60'000'000});
      EachRow(claim_, [&] { found += ReadJob(Cells{claim_}).sequence >= 0 ? 1 : 0; });
    });
  }
  Step(commit_);
  return found;
}

}  // namespace jammi::bench
