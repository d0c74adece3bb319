// One connection to the catalog file, with its prepared statements.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "catalog/catalog.h"
#include "jammi/catalog_backend.h"
#include "jammi/clock.h"

struct sqlite3;
struct sqlite3_context;
struct sqlite3_value;
struct sqlite3_stmt;

namespace jammi::sqlite {

class Connection;

// A prepared statement as the connection's cache holds it.
struct PreparedStatement {
  sqlite3_stmt* handle = nullptr;
  std::vector<std::string> columns;
  bool control = false;  // begins or ends transactions, attaches files, or is a PRAGMA: not for bodies
  bool in_use = false;
};

// The use of a prepared statement by one call: reset, and its parameters forgotten, when it goes, so
// that none is open when a savepoint is released. As a Row it is the row it stands on.
class Statement final : public Row {
 public:
  Statement(Connection& connection, PreparedStatement& prepared);
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement() override;

  // Binds all parameters; text and bytes are borrowed until the next Bind or the end.
  // Errors: kInternal for a wrong number of them; kInvalidArgument for text that contains U+0000.
  [[nodiscard]] Result<void> Bind(SqlParams params);
  [[nodiscard]] Result<void> Bind(std::initializer_list<SqlValue> params) {
    return Bind(SqlParams(params.begin(), params.size()));
  }
  // True: it stands on a row. False: it is done.
  [[nodiscard]] Result<bool> Step();
  // Runs it to its end.
  [[nodiscard]] Result<void> Finish();
  // Ready to be bound and run once more.
  void Reset();

  [[nodiscard]] bool IsNull(int index) const;
  [[nodiscard]] int64_t Int(int index) const;
  [[nodiscard]] std::string_view Text(int index) const;
  [[nodiscard]] SqlBytes Bytes(int index) const;
  [[nodiscard]] Cell At(size_t index) const override;

 protected:
  [[nodiscard]] bool Read(std::string_view column, Cell& cell) const override;

 private:
  [[nodiscard]] int Find(std::string_view column) const;  // -1: none
  [[nodiscard]] sqlite3_value* ValueAt(int index) const;

  Connection* connection_;
  PreparedStatement* prepared_;     // null: moved from
  mutable size_t next_column_ = 0;  // behind the one that was asked for
};

struct ConnectionOptions {
  std::string path;
  std::string vfs;  // empty = the system's
  Durability durability = Durability::kFull;
  bool create = false;      // make the file if there is none
  bool query_only = false;  // refuse every write
  bool read_only = false;   // open a file that cannot or shall not be written
  bool immutable = false;   // read_only, and nobody else writes it: no locks, no files beside it
  std::shared_ptr<const Clock> clock = Clock::System();  // what jammi_now() answers
};

// Used by one thread at a time; the owner sees to that.
class Connection {
 public:
  // Opens the file and sets the connection up; reads nothing of the file yet.
  [[nodiscard]] static Result<std::unique_ptr<Connection>> Open(const ConnectionOptions& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Takes a statement from the cache, or prepares it. `sql` must hold exactly one statement.
  // Errors: kInvalidState while the same text is in use; kInvalidArgument; BackendDetail.
  [[nodiscard]] Result<Statement> Prepare(std::string_view sql);
  // The same for text of a body: what begins or ends transactions, attaches files or is a PRAGMA is
  // kInvalidArgument. (Some PRAGMAs act while they are prepared.)
  [[nodiscard]] Result<Statement> PrepareForBody(std::string_view sql);

  // Prepares and runs to the end.
  [[nodiscard]] Result<void> Run(std::string_view sql, std::initializer_list<SqlValue> params = {});
  // The first column of the first row, an integer; kInternal when there is no row.
  [[nodiscard]] Result<int64_t> GetInt(std::string_view sql, std::initializer_list<SqlValue> params = {});
  // Runs each statement of a text; uncached.
  [[nodiscard]] Result<void> RunScript(std::string_view sql);
  // Makes no difference between "is not open" and "could not": for the way out.
  void RollbackQuietly();

  // A transaction that only reads, and its end, if it is open. The statements are at hand, because a read by
  // key is over so quickly that looking for them would be seen.
  [[nodiscard]] Result<void> BeginRead();
  void EndRead();

  [[nodiscard]] bool InTransaction() const;
  // Rows changed since the connection was opened, those of triggers and foreign keys included.
  [[nodiscard]] int64_t total_changes() const;
  // Rows that the last INSERT, UPDATE or DELETE changed itself; other statements leave the number.
  [[nodiscard]] int64_t last_changes() const;
  // Foreign keys that are violated now and will be at COMMIT.
  [[nodiscard]] bool HasOpenForeignKeys() const;
  [[nodiscard]] bool IsReadOnlyFile() const;
  // Frames in the write-ahead log after the last commit of this connection.
  [[nodiscard]] int64_t wal_frames() const { return wal_frames_; }

  enum class Checkpoint { kPassive, kTruncate };
  struct CheckpointResult {
    bool complete = false;  // false: readers held it back
    int64_t wal_frames = 0;
    int64_t checkpointed_frames = 0;
  };
  [[nodiscard]] Result<CheckpointResult> RunCheckpoint(Checkpoint kind);

  [[nodiscard]] sqlite3* handle() const { return db_; }

 private:
  friend class Statement;

  explicit Connection(sqlite3* db) : db_(db) {}
  [[nodiscard]] Result<void> SetUp(const ConnectionOptions& options);
  [[nodiscard]] Result<PreparedStatement*> Find(std::string_view sql);
  [[nodiscard]] Result<Statement> Lend(PreparedStatement& prepared);
  [[nodiscard]] Result<sqlite3_stmt*> Compile(std::string_view sql, bool keep, std::string_view* rest);
  void ForgetUnused();
  [[nodiscard]] Result<void> RunKept(sqlite3_stmt*& kept, std::string_view sql);
  static int OnAuthorize(void* self, int action, const char*, const char*, const char*, const char*);
  static void Now(sqlite3_context* context, int, sqlite3_value**);
  static int OnWalCommit(void* self, sqlite3*, const char*, int frames);

  sqlite3* db_;
  sqlite3_stmt* begin_ = nullptr;
  sqlite3_stmt* commit_ = nullptr;
  // Of the statement that is being prepared, for and from the authorizer.
  bool deny_control_ = false;
  bool saw_control_ = false;
  int64_t wal_frames_ = 0;
  std::shared_ptr<const Clock> clock_;
  using Statements = std::unordered_map<std::string, PreparedStatement, TextHash, std::equal_to<>>;
  Statements statements_;
  // Statements are mostly constants: where a text lies is a hint at which of them it is, and to compare a
  // long text costs a fraction of its hash.
  std::array<Statements::value_type*, 64> recent_{};
};

}  // namespace jammi::sqlite
