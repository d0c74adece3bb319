// The catalog's statements through libpq: prepared once, results in binary form, rows read into the same
// records.
#pragma once

#include <libpq-fe.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/jobs.h"
#include "jammi/models.h"

namespace jammi::bench {

// One connection, for one thread. The database holds a catalog already.
class PostgresRival {
 public:
  // `event_bytes`: the payload of the event that goes with a registration.
  PostgresRival(const std::string& url, int64_t event_bytes);
  ~PostgresRival() { PQfinish(connection_); }
  PostgresRival(const PostgresRival&) = delete;
  PostgresRival& operator=(const PostgresRival&) = delete;

  // Reads are one statement, without a transaction around it.
  std::optional<ModelRecord> Get(std::string_view scope, std::string_view name);
  std::vector<ModelRecord> Page(std::string_view scope, const ModelRecord& after);

  // Writes are two round trips: BEGIN and the statement; what goes with it, and COMMIT.
  void Register(const std::string& name, int32_t version);
  bool Claim();

 private:
  struct Param {
    std::optional<std::string> value;
    bool binary = false;
  };
  using Params = std::initializer_list<Param>;

  void Prepare(const char* name, std::string_view sql);
  void Send(const char* name, Params params);
  // Ends a round trip of `statements`; gives the rows of each to `read`.
  template <class Fn>
  void Answers(int statements, Fn read);
  template <class Fn>
  void Query(const char* name, Params params, Fn read);

  PGconn* connection_;
  const std::string payload_;
};

}  // namespace jammi::bench
