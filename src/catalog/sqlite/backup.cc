// The copy of a catalog file, beside the engine that writes it.
#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "base/call_limit.h"
#include "base/sync_point.h"
#include "catalog/admin/identity.h"
#include "catalog/sqlite/connection.h"
#include "catalog/sqlite/data_folder.h"
#include "catalog/sqlite/migrate.h"
#include "catalog/sqlite/read_only.h"
#include "catalog/sqlite/sqlite_error.h"

namespace jammi {
namespace sqlite {
namespace {

namespace fs = std::filesystem;

constexpr int kPagesAtOnce = 1024;

// The copy while it is written: "<to>.partial". It is held with flock as long as it is somebody's, and gone
// when it has not been published; what a killed process left is begun anew.
class PartialFile {
 public:
  [[nodiscard]] static Result<std::unique_ptr<PartialFile>> Create(fs::path path) {
    std::unique_ptr<PartialFile> file(new PartialFile(std::move(path)));
    JAMMI_TRY(file->Open());
    return file;
  }
  ~PartialFile() {
    if (mine_ && !published_) unlink(path_.c_str());
    if (fd_ >= 0) close(fd_);
  }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  [[nodiscard]] const fs::path& path() const { return path_; }

  // On disk under the name `to`, which nobody else may have taken meanwhile.
  [[nodiscard]] Result<void> Publish(const fs::path& to) {
    if (fsync(fd_) != 0) return FromErrno(errno, fmt::format("syncing {}", path_.string()));
    JAMMI_SYNC_POINT("catalog:backup_synced");
    int failed = renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0 ? errno : 0;
    if (failed == EINVAL) {  // a file system that cannot do it in one step
      std::error_code error;
      failed = fs::exists(to, error) ? EEXIST : (rename(path_.c_str(), to.c_str()) != 0 ? errno : 0);
    }
    if (failed == EEXIST) return Exists(to);
    if (failed != 0) return FromErrno(failed, fmt::format("renaming {} to {}", path_.string(), to.string()));
    published_ = true;
    return SyncFolder(to.parent_path());
  }

  [[nodiscard]] static Error Exists(const fs::path& to) {
    return Error(ErrorCode::kAlreadyExists, fmt::format("{} is there already", to.string()));
  }

 private:
  explicit PartialFile(fs::path path) : path_(std::move(path)) {}

  Result<void> Open() {
    while (true) {
      fd_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
      if (fd_ < 0) return FromErrno(errno, fmt::format("creating {}", path_.string()));
      if (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
        return Error(ErrorCode::kUnavailable, fmt::format("another backup is writing {}", path_.string()),
                     BackendDetail{BackendFault::kBusy, {}, {}});
      }
      struct stat held {};
      struct stat named {};
      const bool same =
          fstat(fd_, &held) == 0 && stat(path_.c_str(), &named) == 0 && held.st_ino == named.st_ino;
      if (same) break;
      close(fd_);  // whoever held it has renamed or removed it
    }
    mine_ = true;
    for (const char* beside : {"-journal", "-wal", "-shm"}) unlink((path_.string() + beside).c_str());
    if (ftruncate(fd_, 0) != 0) return FromErrno(errno, fmt::format("emptying {}", path_.string()));
    return {};
  }

  const fs::path path_;
  int fd_ = -1;
  bool mine_ = false;
  bool published_ = false;
};

// Copies every page as of one moment: the source holds a snapshot throughout, so what is committed meanwhile
// neither waits nor makes the copy begin again.
Result<void> CopyPages(Connection& from, Connection& to, const CallLimit& limit) {
  sqlite3_backup* backup = sqlite3_backup_init(to.handle(), "main", from.handle(), "main");
  if (backup == nullptr) return FromSqlite(to.handle(), sqlite3_errcode(to.handle()), "beginning the backup");
  int code = SQLITE_OK;
  Result<void> may_go_on;
  while (code == SQLITE_OK) {
    may_go_on = limit.Check("the backup");
    if (!may_go_on) break;
    code = sqlite3_backup_step(backup, kPagesAtOnce);
    JAMMI_SYNC_POINT("catalog:backup_step");
  }
  const int finished = sqlite3_backup_finish(backup);
  if (!may_go_on) return may_go_on;
  if (code == SQLITE_DONE && finished == SQLITE_OK) return {};
  return FromSqlite(nullptr, code == SQLITE_DONE ? finished : code, "writing the backup");
}

Result<void> MarkAsBackup(Connection& copy, std::string_view incarnation) {
  JAMMI_TRY(copy.Run("BEGIN IMMEDIATE"));
  JAMMI_ASSIGN(const admin::Mark mark, ReadMark(copy));
  if (mark.kind != CatalogMark::kNone) JAMMI_TRY(copy.Run(admin::kDropMark));
  JAMMI_TRY(copy.Run(admin::kCreateMark));
  JAMMI_TRY(copy.Run(admin::kInsertMark, {ToString(CatalogMark::kBackup), incarnation, admin::Now()}));
  return copy.Run("COMMIT");
}

// One file that holds all: no write-ahead log beside it.
Result<void> LeaveWriteAheadLog(Connection& copy) {
  JAMMI_ASSIGN(Statement statement, copy.Prepare("PRAGMA journal_mode=DELETE"));
  return statement.Finish();
}

Result<void> WriteCopy(Connection& source, const fs::path& path, std::string_view incarnation,
                       const CallLimit& limit) {
  JAMMI_ASSIGN(const auto copy, Connection::Open({.path = path.string()}));
  // The file is synced as a whole before it gets its name.
  JAMMI_TRY(copy->RunScript("PRAGMA synchronous=OFF"));
  JAMMI_TRY(CopyPages(source, *copy, limit));
  JAMMI_TRY(LeaveWriteAheadLog(*copy));
  return MarkAsBackup(*copy, incarnation);
}

}  // namespace
}  // namespace sqlite

Result<BackupReport> BackupCatalog(const CatalogLocation& location, const std::filesystem::path& to,
                                   const BackupOptions& options) {
  if (location.kind != BackendKind::kSqlite) {
    return Error(
        ErrorCode::kUnimplemented,
        "a PostgreSQL catalog is backed up with pg_dump or a base backup; after it was restored, run `jammi"
        " catalog new-incarnation`. `jammi catalog copy --to sqlite:FILE` writes it into a file");
  }
  JAMMI_ASSIGN(const auto target, sqlite::CanonicalPath(to));
  if (std::filesystem::exists(std::filesystem::symlink_status(target)))
    return sqlite::PartialFile::Exists(target);
  JAMMI_ASSIGN(const auto path, sqlite::CanonicalPath(location.path));
  JAMMI_ASSIGN(const auto source, sqlite::OpenToRead(path));
  JAMMI_TRY(source->Run("BEGIN"));
  JAMMI_ASSIGN(const admin::Mark mark, sqlite::ReadMark(*source));
  if (mark.kind == CatalogMark::kUnfinishedCopy) JAMMI_TRY(admin::CheckMayOpen(mark));
  JAMMI_ASSIGN(auto identity, source->Prepare("SELECT incarnation FROM catalog_identity WHERE id = 1"));
  JAMMI_ASSIGN(const bool there, identity.Step());
  if (!there) return Error(ErrorCode::kNotFound, fmt::format("{} has no catalog in it", path.string()));
  BackupReport report{.incarnation = std::string(identity.Text(0))};
  identity.Reset();

  JAMMI_ASSIGN(const auto partial, sqlite::PartialFile::Create(target.string() + ".partial"));
  JAMMI_TRY(
      sqlite::WriteCopy(*source, partial->path(), report.incarnation, {options.deadline, options.stop}));
  std::error_code error;
  report.bytes = std::filesystem::file_size(partial->path(), error);
  JAMMI_TRY(partial->Publish(target));
  return report;
}

}  // namespace jammi
