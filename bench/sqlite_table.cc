// The table on SQLite's own interface.
#include <sqlite3.h>

#include <optional>
#include <stdexcept>
#include <string_view>

#include "bench/table_rows.h"

namespace jammi::bench {
namespace {

class SqliteTable final : public TableRival {
 public:
  explicit SqliteTable(const std::filesystem::path& file) {
    Check(sqlite3_open_v2(file.c_str(), &db_,
                          SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr));
    Run("PRAGMA journal_mode=WAL");
    Run("PRAGMA synchronous=FULL");
    Run("CREATE TABLE rows (s TEXT NOT NULL, id INTEGER NOT NULL, v INTEGER, x REAL, t TEXT,"
        " PRIMARY KEY (s, id)) WITHOUT ROWID");
    Run("CREATE INDEX rows_v ON rows (s, v)");
    begin_ = Prepare("BEGIN IMMEDIATE");
    commit_ = Prepare("COMMIT");
    insert_ = Prepare("INSERT INTO rows (s, id, v, x, t) VALUES (?, ?, ?, ?, ?)");
    upsert_ = Prepare(
        "INSERT INTO rows (s, id, v, x, t) VALUES (?, ?, ?, ?, ?) ON CONFLICT (s, id) DO UPDATE SET"
        " v = excluded.v, x = excluded.x, t = excluded.t");
    get_ = Prepare("SELECT id, v, x, t FROM rows WHERE s = ? AND id = ?");
    // Without a hint it reads the whole table by its key.
    filtered_ = Prepare("SELECT id, v, x, t FROM rows INDEXED BY rows_v WHERE s = ? AND v = ? ORDER BY id");
    full_ = Prepare("SELECT id, v, x, t FROM rows WHERE s = ?");
  }
  ~SqliteTable() override {
    for (sqlite3_stmt* statement : {begin_, commit_, insert_, upsert_, get_, filtered_, full_})
      sqlite3_finalize(statement);
    sqlite3_close(db_);
  }

  void Append(const BatchPtr& batch) override { Write(insert_, *batch); }
  void Upsert(const BatchPtr& batch) override { Write(upsert_, *batch); }
  int64_t Get(int64_t id) override { return Read(get_, id); }
  int64_t Filtered(int64_t v) override { return Read(filtered_, v); }
  int64_t Full() override { return Read(full_, std::nullopt); }
  void Clear() override { Run("DELETE FROM rows"); }

 private:
  void Check(int code) const {
    if (code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE)
      throw std::runtime_error(sqlite3_errmsg(db_));
  }
  void Run(const char* sql) { Check(sqlite3_exec(db_, sql, nullptr, nullptr, nullptr)); }
  sqlite3_stmt* Prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    Check(sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
    return statement;
  }
  void Step(sqlite3_stmt* statement) {
    Check(sqlite3_step(statement));
    Check(sqlite3_reset(statement));
  }

  void Write(sqlite3_stmt* statement, const arrow::RecordBatch& batch) {
    const auto& id = static_cast<const arrow::Int64Array&>(*batch.column(0));
    const auto& v = static_cast<const arrow::Int64Array&>(*batch.column(1));
    const auto& x = static_cast<const arrow::DoubleArray&>(*batch.column(2));
    const auto& t = static_cast<const arrow::StringArray&>(*batch.column(3));
    Step(begin_);
    Check(sqlite3_bind_text(statement, 1, "", 0, SQLITE_STATIC));
    for (int64_t i = 0; i < batch.num_rows(); ++i) {
      const std::string_view text = t.GetView(i);
      Check(sqlite3_bind_int64(statement, 2, id.Value(i)));
      Check(sqlite3_bind_int64(statement, 3, v.Value(i)));
      Check(sqlite3_bind_double(statement, 4, x.Value(i)));
      Check(sqlite3_bind_text(statement, 5, text.data(), static_cast<int>(text.size()), SQLITE_STATIC));
      Step(statement);
    }
    Step(commit_);
  }

  int64_t Read(sqlite3_stmt* statement, std::optional<int64_t> value) {
    Check(sqlite3_bind_text(statement, 1, "", 0, SQLITE_STATIC));
    if (value) Check(sqlite3_bind_int64(statement, 2, *value));
    int64_t rows = 0;
    int64_t pending = 0;
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, 3));
      columns_.Add(sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1),
                   sqlite3_column_double(statement, 2),
                   {text, static_cast<size_t>(sqlite3_column_bytes(statement, 3))});
      if (++pending == kRivalBatch) {
        rows += columns_.Finish();
        pending = 0;
      }
    }
    Check(code);
    Check(sqlite3_reset(statement));
    return rows + columns_.Finish();
  }

  sqlite3* db_ = nullptr;
  sqlite3_stmt* begin_;
  sqlite3_stmt* commit_;
  sqlite3_stmt* insert_;
  sqlite3_stmt* upsert_;
  sqlite3_stmt* get_;
  sqlite3_stmt* filtered_;
  sqlite3_stmt* full_;
  TableColumns columns_;
};

}  // namespace

std::unique_ptr<TableRival> MakeSqliteTable(const std::filesystem::path& file) {
  return std::make_unique<SqliteTable>(file);
}

}  // namespace jammi::bench
