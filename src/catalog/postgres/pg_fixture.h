// A database of a test's own on the test program's server, and a catalog in it.
#pragma once

#include <arrow/buffer.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/hash.h"
#include "base/sync_point.h"
#include "catalog/catalog.h"
#include "jammi/ids.h"
#include "support/pg_server.h"
#include "support/raw_postgres.h"
#include "support/tcp_proxy.h"

namespace jammi::postgres {

class PgTest : public testing::Test {
 protected:
  using Server = test::PgServer;
  static Server& server() { return Server::Shared(); }

  PgTest() : database_(server().CreateDatabase()) { options_.url = Secret(server().Url(database_)); }
  ~PgTest() override { ClearSyncPoints(); }

  // The value, or the end of the program with the error.
  template <class T>
  static T Ok(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().ToString());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
  }

  std::unique_ptr<Catalog> Open() { return Ok(OpenPostgresCatalog(options_)); }
  std::unique_ptr<Catalog> Open(const std::string& url) {
    PostgresOptions options = options_;
    options.url = Secret(url);
    return Ok(OpenPostgresCatalog(options));
  }
  test::RawPostgres Raw() { return test::RawPostgres(server().Url(database_)); }

  static Result<int64_t> Execute(Catalog& catalog, std::string_view sql,
                                 std::initializer_list<SqlValue> params = {}) {
    return catalog.backend().Transact({}, [&](Transaction& tx) { return tx.Execute(sql, params); });
  }

  static void MakeTopic(Catalog& catalog, int64_t topic_no) {
    Ok(Execute(catalog,
               "INSERT INTO topics (topic_no, topic_id, name, schema, created_at) VALUES ($1, $2, $3, $4, 0)",
               {topic_no, Uuid::RandomV4().ToString(), fmt::format("topic-{}", topic_no), SqlBytes()}));
    Ok(Execute(catalog, "INSERT INTO topic_heads (topic_no) VALUES ($1)", {topic_no}));
  }

  static EventAppend Event(int64_t topic_no, std::string text) {
    EventAppend event{.topic_no = topic_no, .row_count = 1};
    event.payload = arrow::Buffer::FromString(std::move(text));
    event.checksum = Checksum({event.payload->data(), static_cast<size_t>(event.payload->size())});
    return event;
  }

  const std::string database_;
  PostgresOptions options_;
};

}  // namespace jammi::postgres
