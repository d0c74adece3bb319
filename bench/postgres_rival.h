// The catalog's statements through libpq: prepared once, results in binary form, rows read into the same
// records.
#pragma once

#include <libpq-fe.h>

#include <array>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/postgres/commit_mark.h"
#include "catalog/postgres/event_writer.h"
#include "jammi/jobs.h"
#include "jammi/models.h"

namespace jammi::bench {

// One connection, for one thread. The database holds a catalog already.
class PostgresRival {
 public:
  // `event_bytes`: the payload of the event that goes with a registration. `places` is shared by all
  // connections.
  PostgresRival(const std::string& url, int64_t event_bytes, postgres::HeadPlaces& places);
  ~PostgresRival() { PQfinish(connection_); }
  PostgresRival(const PostgresRival&) = delete;
  PostgresRival& operator=(const PostgresRival&) = delete;

  // Reads are one statement, without a transaction around it.
  std::optional<ModelRecord> Get(std::string_view scope, std::string_view name);
  std::vector<ModelRecord> Page(std::string_view scope, const ModelRecord& after);

  // Writes are two round trips: BEGIN and the statement; the mark that settles a lost COMMIT, and COMMIT.
  // An event is a third between them, as it has to be: callbacks run in the order of commits, and who is to
  // commit first is known when the topic's head is locked. Without `event` there is no mark either.
  void Register(const std::string& name, int32_t version, bool event);
  bool Claim();

 private:
  struct Param {
    std::optional<std::string> value;
    bool binary = false;
  };
  using Params = std::initializer_list<Param>;

  void Prepare(const char* name, std::string_view sql);
  // A prepared statement, or `sql` where it is given.
  void Send(const char* name, const char* sql, std::span<const Param> params);
  void Send(const char* name, Params params) {
    Send(name, nullptr, std::span(params.begin(), params.size()));
  }
  // Ends a round trip of `statements`; gives the rows of each to `read`.
  template <class Fn>
  void Answers(int statements, Fn read);
  template <class Fn>
  void Query(const char* name, Params params, Fn read);

  // The end of a write.
  void Commit(bool marked);

  PGconn* connection_;
  postgres::HeadPlaces& places_;
  postgres::CommitMarker marker_;
  std::array<std::string, 4> event_;  // scopes, row counts, checksums and payloads of one event
  const int64_t event_bytes_;
};

}  // namespace jammi::bench
