// A database of a test's own on the test program's server, and a catalog in it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/sync_point.h"
#include "catalog/catalog.h"
#include "catalog/test_events.h"
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
    return test::Execute(catalog.backend(), sql, params);
  }
  static void MakeTopic(Catalog& catalog, int64_t topic_no) {
    Ok(test::AddTopic(catalog.backend(), topic_no));
  }
  static EventAppend Event(int64_t topic_no, std::string text) {
    return test::MakeEvent(topic_no, std::move(text));
  }

  const std::string database_;
  PostgresOptions options_;
};

}  // namespace jammi::postgres
