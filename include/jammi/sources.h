// The registry of data sources: files and databases that tables can be read from.
//
// Every scope has names of its own. A reader sees his own sources and the global ones; his own hides the
// global one of the same name. Changes reach what the scope owns, and nothing else.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/catalog_access.h"
#include "jammi/clock.h"
#include "jammi/result.h"
#include "jammi/scope.h"
#include "jammi/secret.h"

namespace jammi {

// What a source is. Stored as text, "file" and so on; the numbers may change.
enum class SourceType : uint8_t { kFile, kPostgres, kMysql };
[[nodiscard]] std::string_view ToString(SourceType type);
// Errors: kInvalidArgument; the message lists the known types.
[[nodiscard]] Result<SourceType> ParseSourceType(std::string_view text);

// How the bytes of a file are to be read. Stored as text, "parquet" and so on.
enum class FileFormat : uint8_t { kParquet, kCsv, kJson, kAvro };
[[nodiscard]] std::string_view ToString(FileFormat format);
// Errors: kInvalidArgument; the message lists the known formats.
[[nodiscard]] Result<FileFormat> ParseFileFormat(std::string_view text);

// How a source is reached. Texts are UTF-8 without U+0000; an empty one is absent.
//
// A password or key is best not given but referred to: `${NAME}` in the URL or in the value of an option
// stays as it is in the catalog, its backups and copies, and ResolveSecrets() replaces it when a connection
// is made. `$$` is a `$`, any other `$` stays. What is given in clear is stored in clear: whoever can read
// the database can read it. In this type both are Secret either way, so nothing prints them by accident.
struct SourceConnection {
  Secret url;                             // at most 4096 bytes
  std::optional<FileFormat> format;       //
  std::string file_extension;             // at most 64 bytes
  std::string cloud;                      // "s3", ...; at most 64 bytes
  std::map<std::string, Secret> options;  // names of 1..256 bytes; names and values at most 64 KiB in all
  std::string tenant_column;  // tells whose a row is; at most 512 bytes; empty: every reader sees all rows
  bool operator==(const SourceConnection&) const = default;
};
// Without URL and values of options.
std::ostream& operator<<(std::ostream& out, const SourceConnection& connection);

// The secret of a name; nullopt when there is none, or none that this source's owner may use. Decide it by
// an explicit list: a tenant chooses the names, and the host that the result is sent to.
using SecretLookup = std::function<std::optional<Secret>(std::string_view name)>;
// The connection with every reference replaced; what replaces one is not looked at again.
// Errors: kInvalidArgument: `${` without a name (letters, digits and _, no digit first) and `}`;
// kFailedPrecondition: `lookup` knows no such secret. The message names it, and quotes nothing else.
[[nodiscard]] Result<SourceConnection> ResolveSecrets(const SourceConnection& connection,
                                                      const SecretLookup& lookup);

struct SourceRecord {
  std::string source_id;  // the name
  Scope owner = Scope::Global();
  SourceType type = SourceType::kFile;
  SourceConnection connection;
  int64_t revision = 0;  // 1 when registered, one more with every update
  UnixMicros created_at = 0;
  UnixMicros updated_at = 0;
  bool operator==(const SourceRecord&) const = default;
};
// "source sales of <tenant>, revision 1: file, parquet, url [secret]": for people, without secrets.
std::ostream& operator<<(std::ostream& out, const SourceRecord& record);

struct DeletedResultTable;  // jammi/result_tables.h

// A result table that was made from a source.
struct SourceTable {
  std::string table_name;
  Scope owner = Scope::Global();
  std::string status;  // "building", "ready" or "failed"
  UnixMicros created_at = 0;
  bool operator==(const SourceTable&) const = default;
};

// A source, and those of its result tables that the reader sees, of whatever task and status, by creation
// time and name (CAT-024). No global table is made from a tenant's source: of a source of his own a tenant
// sees his own tables only.
struct SourceDescription {
  SourceRecord source;
  Page<SourceTable> tables;
};

// The registry, seen by one scope. A light handle: cheap to copy, thread-safe.
//
// Every verb is one transaction; a change is durable when it returns, and an error changes nothing,
// kOutcomeUnknown excepted. Errors of all: kInvalidArgument, which names the argument and quotes no secret;
// those of CatalogBackend::RunTransaction; kDataLoss with BackendDetail(kTypeConversion) for a damaged row.
class Sources {
 public:
  // How many tables ListDescriptions() gives for one source.
  static constexpr int kTablesPerSource = 100;

  explicit Sources(CatalogAccess access) : access_(std::move(access)) {}

  [[nodiscard]] const Scope& scope() const { return access_.scope; }
  // The same handle, whose calls fail with kDeadlineExceeded if they cannot begin in time.
  [[nodiscard]] Sources WithDeadline(Deadline deadline) const { return Sources(access_.Until(deadline)); }

  // Adds a source, owned by this scope. `source_id` is 1..512 bytes of text and the name of its catalog in
  // SQL (CAT-026): names that are taken there (mutable, jammi, main, temp, memory, system,
  // information_schema, pg_catalog, and all that begin with _jammi; in any case) are refused. A file needs
  // URL and format, a database a URL. Whether it can be reached is not tried.
  // Errors: kAlreadyExists with SourceDetail: this scope has one of that name; it was not changed.
  [[nodiscard]] Result<SourceRecord> Register(std::string_view source_id, SourceType type,
                                              const SourceConnection& connection);

  // Gives a source that this scope owns another connection, the whole of it; with `expected_revision` only
  // if that is still its revision. The type stays.
  // Errors: kNotFound with SourceDetail, also for a global or another's; kFailedPrecondition: another
  // revision; kAborted: lost against a concurrent change.
  [[nodiscard]] Result<SourceRecord> Update(std::string_view source_id, const SourceConnection& connection,
                                            std::optional<int64_t> expected_revision = std::nullopt);

  // Removes a source that this scope owns. Its result tables stay, and name it by text.
  // Errors: kNotFound with SourceDetail, also for a global or another's.
  [[nodiscard]] Result<void> Remove(std::string_view source_id);

  // Remove() and ResultTables::DeleteForSource() in one transaction: both happen, or neither. Returns the
  // tables that are gone; their files are the caller's to remove. Errors: those of both.
  [[nodiscard]] Result<std::vector<DeletedResultTable>> RemoveWithTables(std::string_view source_id);

  // The scope's own source of that name, else the global one. Errors: kNotFound with SourceDetail.
  [[nodiscard]] Result<SourceRecord> Get(std::string_view source_id) const;

  // What Get() finds, for every name; by creation time and name. `page_size` is 1..kMaxPageSize;
  // `page_token` from the page before. Whatever is registered or removed between two pages, a source that
  // is there and visible all the time is listed exactly once.
  // Errors: kInvalidArgument for a token that is none.
  [[nodiscard]] Result<Page<SourceRecord>> List(int page_size = kDefaultPageSize,
                                                std::string_view page_token = {}) const;

  // The source that Get() finds, and its tables, a page at a time, as List() does it.
  // Errors: kNotFound with SourceDetail; kInvalidArgument for a token that is none.
  [[nodiscard]] Result<SourceDescription> Describe(std::string_view source_id,
                                                   int page_size = kDefaultPageSize,
                                                   std::string_view page_token = {}) const;

  // List() with the first kTablesPerSource tables of each source; for more, give the token in `tables` to
  // Describe(). However many sources and tables there are, it is one statement a scope.
  [[nodiscard]] Result<Page<SourceDescription>> ListDescriptions(int page_size = kDefaultPageSize,
                                                                 std::string_view page_token = {}) const;

 private:
  CatalogAccess access_;
};

}  // namespace jammi
