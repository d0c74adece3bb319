// What a server can refuse or do to us: each has its error, with the server's code kept, nothing is half
// done, and afterwards the same catalog works.
#include <gmock/gmock.h>

#include <functional>
#include <thread>

#include "base/log.h"
#include "catalog/postgres/pg_fixture.h"

namespace jammi::postgres {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

class Faults : public PgTest {
 protected:
  struct Expected {
    ErrorCode code;
    BackendFault fault;
    std::string_view native_code = {};
  };
  template <class T>
  static void ExpectError(const Result<T>& result, const Expected& expected) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), expected.code) << result.error().ToString();
    const auto* detail = result.error().template As<BackendDetail>();
    ASSERT_NE(detail, nullptr) << result.error().ToString();
    EXPECT_EQ(detail->fault, expected.fault) << result.error().ToString();
    EXPECT_EQ(detail->native_code, expected.native_code) << result.error().ToString();
  }

  // With a timeout of the server's, of 200 ms; the schema is there already.
  std::unique_ptr<Catalog> OpenWith(std::string_view setting) {
    (void)Open();
    return Open(fmt::format("{}&options=-c%20{}%3D200", server().Url(database_), setting));
  }
  std::unique_ptr<Catalog> OpenWithTable() {
    auto catalog = Open();
    Ok(Execute(*catalog, "CREATE TABLE t (k BIGINT PRIMARY KEY)"));
    MakeTopic(*catalog, 1);
    return catalog;
  }
  void Alter(const std::string& sql) { ASSERT_EQ(Raw().Exec(sql), ""); }
};

// --- What it refuses

TEST_F(Faults, WhatTheServerSaysIsClassified) {
  const auto catalog = Open();
  const std::vector<Expected> all = {
      {ErrorCode::kAlreadyExists, BackendFault::kUnique, "23505"},
      {ErrorCode::kFailedPrecondition, BackendFault::kForeignKey, "23503"},
      {ErrorCode::kFailedPrecondition, BackendFault::kForeignKey, "23001"},
      {ErrorCode::kInvalidArgument, BackendFault::kCheck, "23514"},
      {ErrorCode::kInvalidArgument, BackendFault::kCheck, "23502"},
      {ErrorCode::kCancelled, BackendFault::kExecution, "57014"},
      {ErrorCode::kUnavailable, BackendFault::kBusy, "55P03"},
      {ErrorCode::kFailedPrecondition, BackendFault::kReadOnly, "25006"},
      {ErrorCode::kResourceExhausted, BackendFault::kFull, "53100"},
      {ErrorCode::kResourceExhausted, BackendFault::kExecution, "53200"},
      {ErrorCode::kResourceExhausted, BackendFault::kExecution, "53400"},
      {ErrorCode::kInvalidArgument, BackendFault::kExecution, "54000"},
      {ErrorCode::kInvalidArgument, BackendFault::kExecution, "22003"},
      {ErrorCode::kFailedPrecondition, BackendFault::kExecution, "42501"},
      {ErrorCode::kUnavailable, BackendFault::kIo, "58030"},
      {ErrorCode::kDataLoss, BackendFault::kCorrupt, "XX001"},
      {ErrorCode::kOutcomeUnknown, BackendFault::kConnection, "40003"},
      {ErrorCode::kInternal, BackendFault::kExecution, "42601"},
  };
  for (const Expected& expected : all) {
    ExpectError(Execute(*catalog, fmt::format("DO 'BEGIN RAISE EXCEPTION USING ERRCODE = ''{}''; END'",
                                              expected.native_code)),
                expected);
  }
}

TEST_F(Faults, AMalformedUrlIsInvalid) {
  options_.url = Secret("postgres://me:hunter2@[::1/db");
  const auto refused = OpenPostgresCatalog(options_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused.error().As<ConfigDetail>()->key, "catalog.url");
}

TEST_F(Faults, TooManyConnectionsIsUnavailable) {
  Alter("ALTER ROLE guarded CONNECTION LIMIT 0");
  options_.url = Secret(server().UrlWithPassword(database_, "open%20sesame"));
  ExpectError(OpenPostgresCatalog(options_), {ErrorCode::kUnavailable, BackendFault::kConnection, "53300"});
  Alter("ALTER ROLE guarded CONNECTION LIMIT -1");
  EXPECT_TRUE(OpenPostgresCatalog(options_));
}

TEST_F(Faults, AStatementTimeoutCancels) {
  const auto catalog = OpenWith("statement_timeout");
  Ok(Execute(*catalog, "CREATE TABLE t (k BIGINT PRIMARY KEY)"));
  ExpectError(catalog->backend().RunTransaction({},
                                                [](Transaction& tx) -> Result<void> {
                                                  JAMMI_TRY(tx.Execute("INSERT INTO t (k) VALUES (1)"));
                                                  JAMMI_TRY(tx.Execute("SELECT pg_sleep(600)"));
                                                  return {};
                                                }),
              {ErrorCode::kCancelled, BackendFault::kExecution, "57014"});
  EXPECT_EQ(Raw().Number("SELECT count(*) FROM t"), 0);
  EXPECT_TRUE(Execute(*catalog, "INSERT INTO t (k) VALUES (1)"));
}

TEST_F(Faults, ALockTimeoutIsBusy) {
  const auto catalog = OpenWith("lock_timeout");
  Ok(Execute(*catalog, "CREATE TABLE t (k BIGINT PRIMARY KEY)"));
  test::RawPostgres other = Raw();
  ASSERT_EQ(other.Exec("BEGIN; LOCK TABLE t"), "");
  ExpectError(Execute(*catalog, "INSERT INTO t (k) VALUES (1)"),
              {ErrorCode::kUnavailable, BackendFault::kBusy, "55P03"});
  ASSERT_EQ(other.Exec("ROLLBACK"), "");
  EXPECT_TRUE(Execute(*catalog, "INSERT INTO t (k) VALUES (1)"));
}

// The body is run again: the next time it may be quicker.
TEST_F(Faults, AnIdleTimeoutLosesTheConnection) {
  const auto catalog = OpenWith("idle_in_transaction_session_timeout");
  Ok(Execute(*catalog, "CREATE TABLE t (k BIGINT PRIMARY KEY)"));
  int runs = 0;
  Ok(catalog->backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO t (k) VALUES ($1)", {++runs}));
    while (runs == 1 && Raw().Number("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in trans%'"
                                     " AND datname = current_database()") > 0) {
      std::this_thread::yield();
    }
    JAMMI_TRY(tx.Execute("SELECT 1"));
    return {};
  }));
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(Raw().Text("SELECT string_agg(CAST(k AS TEXT), ' ') FROM t"), "2");
}

TEST_F(Faults, AReadOnlyDatabaseIsRefusedAtTheStart) {
  for (const bool migrated : {false, true}) {
    if (migrated) (void)Open();
    const std::string tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    const int64_t before = Raw().Number(tables);
    Alter(fmt::format("ALTER DATABASE {} SET default_transaction_read_only = on", database_));
    ExpectError(OpenPostgresCatalog(options_),
                {ErrorCode::kFailedPrecondition, BackendFault::kReadOnly, "25006"});
    EXPECT_EQ(Raw().Number(tables), before);
    ASSERT_EQ(test::RawPostgres(server().Url("postgres"))
                  .Exec(fmt::format("ALTER DATABASE {} RESET default_transaction_read_only", database_)),
              "");
  }
}

TEST_F(Faults, ADatabaseThatBecomesReadOnlyIsReadAndNotWritten) {
  test::TcpProxy proxy(server().port());
  options_.pool_size = 1;
  (void)OpenWithTable();
  const auto catalog = Open(server().Url(database_, proxy.port()));
  const std::string setting = fmt::format("ALTER DATABASE {} ", database_);
  Alter(setting + "SET default_transaction_read_only = on");
  proxy.CutAll();  // sessions have the setting from their beginning
  const Expected read_only = {ErrorCode::kFailedPrecondition, BackendFault::kReadOnly, "25006"};
  ExpectError(Execute(*catalog, "INSERT INTO t (k) VALUES (1)"), read_only);
  ExpectError(catalog->log().Append(Event(1, "x"), {}), read_only);
  EXPECT_EQ(Ok(catalog->log().ReadHead(1)).next_offset, 0U);
  ASSERT_EQ(test::RawPostgres(server().Url("postgres")).Exec(setting + "RESET default_transaction_read_only"),
            "");
  proxy.CutAll();
  EXPECT_TRUE(Execute(*catalog, "INSERT INTO t (k) VALUES (1)"));
  EXPECT_TRUE(catalog->log().Append(Event(1, "x"), {}));
}

// --- A server that is not what it was

TEST_F(Faults, AStandbyIsUnavailableUntilItIsPromoted) {
  Server primary;
  const std::string database = primary.CreateDatabase();
  options_.url = Secret(primary.Url(database));
  { const auto catalog = OpenWithTable(); }
  Server standby(&primary);
  ExpectError(OpenPostgresCatalog({.url = Secret(standby.Url(database))}),
              {ErrorCode::kUnavailable, BackendFault::kReadOnly});
  // The connections go to whichever takes them; the other is refused, and asked again.
  const auto catalog = Open(fmt::format("postgres://jammi@127.0.0.1:{},127.0.0.1:{}/{}?sslmode=disable",
                                        primary.port(), standby.port(), database));
  Ok(Execute(*catalog, "INSERT INTO t (k) VALUES (1)"));
  test::RawPostgres on_standby(standby.Url(database));
  while (on_standby.Number("SELECT count(*) FROM t") < 1) std::this_thread::yield();
  int runs = 0;
  std::jthread promoter;
  Ok(catalog->backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO t (k) VALUES (2)"));
    if (++runs == 1) {
      primary.Shutdown(Server::Stop::kImmediate);
      promoter = std::jthread([&] { on_standby.Exec("SELECT pg_promote()"); });
    }
    return {};
  }));
  EXPECT_GE(runs, 2);
  promoter.join();
  EXPECT_EQ(on_standby.Number("SELECT sum(k) FROM t"), 3);
  primary.Start();  // it is stopped in order
}

// --- TLS

TEST_F(Faults, TlsIsVerified) {
  Server tls;
  Server other;
  const std::string authority = tls.EnableTls();
  const std::string other_authority = other.EnableTls();
  const auto open = [&](const std::string& url) { return OpenPostgresCatalog({.url = Secret(url)}); };

  const auto trusted = open(tls.UrlWithTls("postgres", authority));
  ASSERT_TRUE(trusted) << trusted.error().ToString();
  EXPECT_EQ(test::RawPostgres(tls.Url("postgres"))
                .Number("SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)"
                        " WHERE a.application_name = 'jammi' AND NOT s.ssl"),
            0);

  const auto untrusted = open(tls.UrlWithTls("postgres", other_authority));
  ExpectError(untrusted, {ErrorCode::kUnavailable, BackendFault::kConnection});
  EXPECT_THAT(untrusted.error().message(), HasSubstr("certificate verify failed"));

  const auto plain = open(server().UrlWithTls(database_, authority));
  ExpectError(plain, {ErrorCode::kUnavailable, BackendFault::kConnection});
  EXPECT_THAT(plain.error().message(), HasSubstr("does not support SSL"));
  EXPECT_EQ(Raw().Number("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), 0);
}

// --- A server that does not answer

TEST_F(Faults, NothingWaitsForAServerThatHangs) {
  test::TcpProxy proxy(server().port());
  (void)OpenWithTable();
  options_.silence_limit = milliseconds(50);
  options_.probe_limit = milliseconds(300);
  options_.retry_for = milliseconds(200);
  const auto catalog = Open(server().Url(database_, proxy.port()) + "&connect_timeout=1");
  const std::vector<std::pair<const char*, std::function<Result<void>()>>> calls = {
      {"read",
       [&]() -> Result<void> {
         JAMMI_TRY(catalog->log().Read(1, 0, Scope::Global(), {}));
         return {};
       }},
      {"head",
       [&]() -> Result<void> {
         JAMMI_TRY(catalog->log().ReadHead(1));
         return {};
       }},
      {"time",
       [&]() -> Result<void> {
         JAMMI_TRY(catalog->log().FindTime(1, 0));
         return {};
       }},
      {"append",
       [&]() -> Result<void> {
         JAMMI_TRY(catalog->log().Append(Event(1, "x"), {}));
         return {};
       }},
      {"body",
       [&]() -> Result<void> {
         JAMMI_TRY(Execute(*catalog, "INSERT INTO t (k) VALUES (1)"));
         return {};
       }},
  };
  for (const auto& [name, call] : calls) {
    Ok(call());  // on a connection that is there; the stall comes upon the next
    Ok(Execute(*catalog, "DELETE FROM t"));
    proxy.Stall(true);
    const auto stalled = call();
    proxy.Stall(false);
    ASSERT_FALSE(stalled) << name;
    EXPECT_EQ(stalled.error().code(), ErrorCode::kUnavailable) << name << ": " << stalled.error().ToString();
    EXPECT_EQ(Raw().Number("SELECT count(*) FROM t"), 0) << name;
  }
  Ok(Execute(*catalog, "INSERT INTO t (k) VALUES (1)"));
}

TEST_F(Faults, ALongStatementIsNotTakenForASilentServer) {
  options_.silence_limit = milliseconds(20);
  const auto catalog = Open();
  EXPECT_TRUE(Execute(*catalog, "SELECT pg_sleep(0.2)"));
}

TEST_F(Faults, ADeadlineHoldsWhileAConnectionIsMade) {
  test::TcpProxy proxy(server().port());
  const auto catalog = Open(server().Url(database_, proxy.port()) + "&connect_timeout=1");
  proxy.CutAll();
  proxy.Stall(true);
  const auto late = catalog->backend().RunTransaction({.deadline = Deadline::After(milliseconds(50))},
                                                      [](Transaction& tx) -> Result<void> {
                                                        JAMMI_TRY(tx.Execute("SELECT 1"));
                                                        return {};
                                                      });
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), ErrorCode::kDeadlineExceeded) << late.error().ToString();
  const auto append = catalog->log().Append(Event(1, "x"), Deadline::After(milliseconds(50)));
  ASSERT_FALSE(append);
  EXPECT_EQ(append.error().code(), ErrorCode::kDeadlineExceeded) << append.error().ToString();
  proxy.Stall(false);
}

// --- Secrets

TEST_F(Faults, ThePasswordIsInNoMessageAndNoLog) {
  const std::string secret = "hunter2";
  const std::string host = fmt::format("postgres://guarded:{}@127.0.0.1:", secret);
  const std::string here = fmt::format("{}{}/", host, server().port());
  ASSERT_EQ(Raw().Exec(fmt::format("CREATE ROLE {0} LOGIN PASSWORD '{0}'", secret + "_role")), "");
  SetLog(LogLevel::kTrace, LogFormat::kText);
  testing::internal::CaptureStderr();
  std::string said;
  for (const std::string& url :
       {here + database_, here + "absent", host + "1/x", "postgres://me:" + secret + "/word@127.0.0.1/x",
        "postgres://me:pass@" + secret + "@127.0.0.1/x", here + "x?sslmode=verify-full",
        here + "x?sslrootcert=/absent&sslmode=verify-ca", host + "%zz/x",
        here + database_ + "?password=" + secret, here + database_ + "?passfile=/absent/" + secret,
        "postgres://guarded:" + secret + "@no.such.host.invalid/x",
        "postgres://guarded:" + secret + "@127.0.0.1:99999/x"}) {
    const auto refused = OpenPostgresCatalog({.url = Secret(url)});
    EXPECT_FALSE(refused) << url;
    if (!refused) said += refused.error().ToString() + "\n";
  }
  said += testing::internal::GetCapturedStderr();
  SetLog(LogLevel::kWarning, LogFormat::kText);
  ASSERT_EQ(Raw().Exec(fmt::format("DROP ROLE {}", secret + "_role")), "");
  EXPECT_THAT(said, Not(HasSubstr(secret)));
}

TEST_F(Faults, ThePasswordIsNotInTheNewsOfALostConnection) {
  test::TcpProxy proxy(server().port());
  SetLog(LogLevel::kTrace, LogFormat::kText);
  testing::internal::CaptureStderr();
  {
    options_.retry_for = milliseconds(100);
    const auto catalog = Open(fmt::format("postgres://guarded:open%20sesame@127.0.0.1:{}/{}?sslmode=disable",
                                          proxy.port(), database_));
    proxy.Refuse(true);
    proxy.CutAll();
    const auto refused = Execute(*catalog, "SELECT 1");
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().ToString(), Not(HasSubstr("sesame")));
  }
  EXPECT_THAT(testing::internal::GetCapturedStderr(), Not(HasSubstr("sesame")));
  SetLog(LogLevel::kWarning, LogFormat::kText);
}

}  // namespace
}  // namespace jammi::postgres
