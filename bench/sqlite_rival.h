// The catalog's statements on SQLite itself: prepared once, with the settings of the catalog's own
// connections, rows read into the same records.
#pragma once

#include <sqlite3.h>

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/jobs.h"
#include "jammi/models.h"

namespace jammi::bench {

struct ModelKey {
  std::string name;
  int32_t version = 1;
};

// One connection, for one thread. The file holds a catalog already, which nobody else has open.
class SqliteRival {
 public:
  // `event_bytes`: the payload of the event that goes with a registration.
  SqliteRival(const std::filesystem::path& file, int64_t event_bytes);
  ~SqliteRival();
  SqliteRival(const SqliteRival&) = delete;
  SqliteRival& operator=(const SqliteRival&) = delete;

  void Run(std::string_view sql);

  std::optional<ModelRecord> Get(std::string_view scope, std::string_view name);
  // The page behind `after`.
  std::vector<ModelRecord> Page(std::string_view scope, const ModelRecord& after);

  // Writes are groups as the catalog commits them: one transaction, a savepoint around each of several,
  // their events at the end.
  void Register(std::span<const ModelKey> models, bool events = true);
  // Returns how many of `count` claims found a job.
  int Claim(int count);

 private:
  sqlite3_stmt* Prepare(std::string_view sql);
  void Step(sqlite3_stmt* statement);
  // One registration or claim, inside its savepoint if there are several.
  template <class Fn>
  void InSavepoint(bool several, Fn fn);
  void InsertModel(const ModelKey& key);
  void AppendEvents(int64_t count);

  sqlite3* db_ = nullptr;
  std::vector<sqlite3_stmt*> statements_;
  sqlite3_stmt* begin_;
  sqlite3_stmt* commit_;
  sqlite3_stmt* savepoint_;
  sqlite3_stmt* release_;
  sqlite3_stmt* get_;
  sqlite3_stmt* page_;
  sqlite3_stmt* insert_;
  sqlite3_stmt* advance_;
  sqlite3_stmt* event_;
  sqlite3_stmt* claim_;
  const std::string payload_;
};

}  // namespace jammi::bench
