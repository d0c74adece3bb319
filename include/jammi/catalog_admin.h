// What is done to a catalog as a whole, beside the engines that use it: bring its schema up to date, look
// at it, check it, back it up, move it to another database. `jammi catalog` is its command line.
//
// The functions are thread-safe and block; each works on connections of its own. None writes more than it
// says, and what fails leaves nothing behind that could be taken for a whole catalog.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/catalog_backend.h"
#include "jammi/clock.h"
#include "jammi/error.h"
#include "jammi/result.h"
#include "jammi/secret.h"

namespace jammi {

// Where a catalog is.
struct CatalogLocation {
  BackendKind kind = BackendKind::kSqlite;
  std::filesystem::path path;  // SQLite: the file
  Secret url;                  // PostgreSQL: postgres://user:password@host:port/database?...
};

// "sqlite:FILE", or "postgres://..." (also "postgresql://...").
// Errors: kInvalidArgument; the message never quotes a URL.
[[nodiscard]] Result<CatalogLocation> ParseCatalogLocation(std::string_view text);

// "sqlite:/var/lib/jammi/catalog.db", "postgres://db:5432/jammi": for people, without user or password.
[[nodiscard]] std::string ToString(const CatalogLocation& location);

// All functions below return, beside what they say themselves: kNotFound: no such file, or no catalog in the
// database; kInvalidArgument and kFailedPrecondition with BackendDetail(kConnection): a URL that is none, a
// wrong password, no such database; kFailedPrecondition with BackendDetail(kMigration): another
// application's database; kDataLoss with BackendDetail(kCorrupt): no database, or a damaged one;
// kUnavailable, kResourceExhausted; kUnimplemented: this build has no PostgreSQL.

// --- Schema

// Creates the catalog if there is none, and applies the migrations that are missing, as opening an engine
// does: a backup becomes a catalog of its own by it (see below). Returns what this call applied, in order;
// other processes may apply theirs at the same time.
// Errors: kFailedPrecondition with CatalogLockedDetail: an engine holds the file; with
// BackendDetail(kMigration, name): a migration in the ledger is unknown (a newer version wrote it), or has
// another text here; with BackendDetail(kUnfinishedCopy or kMoved).
[[nodiscard]] Result<std::vector<std::string>> MigrateCatalog(const CatalogLocation& location);

struct MigrationStatus {
  enum class State : uint8_t {
    kApplied,
    kMissing,  // this version has it, the catalog does not
    kUnknown,  // the catalog has it, this version does not: a newer version wrote it
    kAltered,  // both have it, with different texts
  };
  std::string name;
  State state = State::kApplied;
  UnixMicros applied_at = 0;  // 0 for a missing one
};
[[nodiscard]] std::string_view ToString(MigrationStatus::State state);

// What a catalog that no engine may simply go on with is.
enum class CatalogMark : uint8_t {
  kNone,
  kBackup,          // it gets a new incarnation when it is opened
  kUnfinishedCopy,  // CopyCatalog() has not come to its end
  kMoved,           // CopyCatalog() has moved it elsewhere
};
[[nodiscard]] std::string_view ToString(CatalogMark mark);

struct CatalogStatus {
  CatalogLocation location;
  std::string incarnation;  // empty while there is none
  UnixMicros created_at = 0;
  int64_t format = 0;
  CatalogMark mark = CatalogMark::kNone;
  std::string
      mark_note;  // of a backup or unfinished copy: the incarnation it is from; of a moved one: where to
  std::vector<MigrationStatus> migrations;    // by name
  std::map<std::string, int64_t> rows;        // of each table; of events: as their topics' heads have it
  uint64_t bytes = 0;                         // on disk, the write-ahead log of SQLite included
  std::optional<CatalogLockedDetail> holder;  // SQLite: the engine that has the file open
  int64_t engine_connections = 0;             // PostgreSQL: of all engines
};

// Looks, changing nothing. A SQLite file is opened read-only, without the engine's lock, beside a running
// engine, and on a file system that cannot be written.
[[nodiscard]] Result<CatalogStatus> ReadCatalogStatus(const CatalogLocation& location);

// --- Check

struct CheckFinding {
  std::string where;  // "topic 7, offset 42"; "models"; "migration 0004_sources"
  std::string what;   // "the payload does not match its checksum"
};

struct CheckReport {
  int64_t findings = 0;
  int64_t events = 0;  // that were read
  int64_t topics = 0;  // whose heads were compared
};

// Reads all of it and calls `found` for each thing that is wrong: SQLite's own integrity check, the ledger,
// rows without what they refer to, owners that are none, and of each topic: offsets without a gap from the
// low water to the head, checksums, order of times, the head's counters. Changes nothing, works beside
// running engines, and needs memory for one event.
// Errors: that it could not be read to the end; damage is a finding, not an error.
[[nodiscard]] Result<CheckReport> CheckCatalog(const CatalogLocation& location,
                                               const std::function<void(const CheckFinding&)>& found);

// --- Backup, restore

struct BackupReport {
  std::string incarnation;  // of the catalog that was copied
  uint64_t bytes = 0;       // of the copy
};

struct BackupOptions {
  // Asked between the steps of the copy, 4 MiB each: it ends with kDeadlineExceeded, or with kCancelled once
  // `stop` is requested, and there is no backup then, nor a part of one.
  Deadline deadline = {};
  std::stop_token stop = {};
};

// Copies a SQLite catalog into the new file `to`, while an engine may run: the copy is the catalog of one
// moment, and the engine's commits go on. It is written under another name (`to` + ".partial"), synced,
// marked as a backup, and then renamed. To restore, put it where a catalog is expected, and open it: the
// engine that does gives it a new incarnation, since positions that were stored after the backup mean nothing
// in it. Errors: kAlreadyExists: `to` is there; kUnimplemented for PostgreSQL, saying what serves instead;
// kResourceExhausted with BackendDetail(kFull); kFailedPrecondition with BackendDetail(kUnfinishedCopy);
// kUnavailable with BackendDetail(kBusy): another backup to the same file is being written; those of
// BackupOptions.
[[nodiscard]] Result<BackupReport> BackupCatalog(const CatalogLocation& location,
                                                 const std::filesystem::path& to,
                                                 const BackupOptions& options = {});

// Gives the catalog a new incarnation, which is returned: after it was restored by means of the database's
// own (pg_restore, a base backup, a copied file), so that positions stored since are refused and not taken
// for others. It is also how a catalog that was moved away is opened again, as another one. Errors:
// kFailedPrecondition with CatalogLockedDetail or, on PostgreSQL, BackendDetail(kBusy): engines have it open;
// with BackendDetail(kUnfinishedCopy).
[[nodiscard]] Result<std::string> NewIncarnation(const CatalogLocation& location);

// --- Move

struct CopiedTable {
  std::string name;
  int64_t rows = 0;
  uint64_t checksum = 0;  // over all rows in the order of their keys; the same on both sides
};

struct CopyOptions {
  // The source is retired: no engine opens it any more, and the copy goes on under its incarnation, so that
  // positions stored outside stay valid. Else the copy gets an incarnation of its own.
  bool move = false;
  // Called after every so many rows were written, and once a table is done.
  std::function<void(std::string_view table, int64_t rows)> progress = {};
};

struct CopyReport {
  std::string incarnation;          // of the copy
  bool resumed = false;             // an earlier run had begun it
  std::vector<CopiedTable> tables;  // verified by reading both sides again
};

// Copies a catalog, topics and events included, into an empty database or a file that is not there; any kind
// to any kind. The source must be up to date, and is read as of one moment: no engine may have a SQLite
// source open, nor, for a move, a PostgreSQL one. A copy that was interrupted goes on where it was when it is
// called again with the same source and target; until it is complete and verified, no engine opens the
// target. Errors: kFailedPrecondition with CatalogLockedDetail, BackendDetail(kBusy): engines have one of
// them open, or another copy into the target runs; kAlreadyExists: the target holds something else;
// kFailedPrecondition with BackendDetail(kMigration): the source needs another version or MigrateCatalog();
// kAborted: the source was changed since the copy was begun: what differs is removed, and the next call
// copies it again.
[[nodiscard]] Result<CopyReport> CopyCatalog(const CatalogLocation& from, const CatalogLocation& to,
                                             const CopyOptions& options = {});

}  // namespace jammi
