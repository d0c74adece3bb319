// The URL of a catalog: what is refused, and that nothing of it is ever quoted.
#include "catalog/postgres/url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/postgres/schema.h"

namespace jammi::postgres {
namespace {

TEST(Url, IsReadAsLibpqReadsIt) {
  const auto parameters =
      ParseUrl(Secret("postgresql://me:p%40ss@db.example:6000/jammi?sslmode=verify-full"));
  ASSERT_TRUE(parameters) << parameters.error().ToString();
  const auto has = [&](const char* key, const char* value) {
    return testing::Value(*parameters, testing::Contains(testing::Pair(key, value)));
  };
  EXPECT_TRUE(has("host", "db.example"));
  EXPECT_TRUE(has("port", "6000"));
  EXPECT_TRUE(has("user", "me"));
  EXPECT_TRUE(has("password", "p@ss"));
  EXPECT_TRUE(has("dbname", "jammi"));
  EXPECT_TRUE(has("sslmode", "verify-full"));
  EXPECT_TRUE(has("client_encoding", "UTF8"));
  EXPECT_TRUE(has("connect_timeout", "10"));
}

TEST(Url, WhatItSaysGoesBeforeTheDefaults) {
  const auto parameters = ParseUrl(Secret("postgres:///jammi?connect_timeout=3&client_encoding=LATIN1"));
  ASSERT_TRUE(parameters);
  EXPECT_THAT(*parameters, testing::Contains(testing::Pair("connect_timeout", "3")));
  EXPECT_THAT(*parameters, testing::Contains(testing::Pair("client_encoding", "UTF8")));
  EXPECT_THAT(*parameters, testing::Not(testing::Contains(testing::Pair("client_encoding", "LATIN1"))));
}

// libpq takes a password with a ?, and parameters with an @, as they are.
TEST(Url, AQuestionMarkInAPasswordAndAnAtInAParameterAreNoFaults) {
  const auto parameters = ParseUrl(Secret("postgres://me:pa?ss@host/db?application_name=a@b"));
  ASSERT_TRUE(parameters) << parameters.error().ToString();
  EXPECT_THAT(*parameters, testing::Contains(testing::Pair("password", "pa?ss")));
  EXPECT_THAT(*parameters, testing::Contains(testing::Pair("host", "host")));
  EXPECT_THAT(*parameters, testing::Contains(testing::Pair("application_name", "a@b")));
}

TEST(Url, MalformedOnesAreRefusedWithoutBeingQuoted) {
  for (const char* url : {"", "hunter2", "mysql://me:hunter2@host/db", "host=db password=hunter2",
                          "postgres://me:hunter2@host/db?hunter2=1", "postgres://me:hunter2@[::1/db",
                          "postgres://me:%zzhunter2@host/db", "postgres://me:hunter2@[]/db",
                          "postgres://me:hunter2@host/db?sslmode", "postgres://me:hunter2/word@host/db",
                          "postgres://me:pass@hunter2@host/db", "postgres://me:pass/hunter2@host/db",
                          "postgres://me:pass?x@hunter2@host/db", "postgres://me:pass?x@hunter2/y@host/db",
                          "postgres://me:pass/x?hunter2@host/db"}) {
    const auto refused = ParseUrl(Secret(url));
    ASSERT_FALSE(refused) << url;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
    ASSERT_NE(refused.error().As<ConfigDetail>(), nullptr);
    EXPECT_EQ(refused.error().As<ConfigDetail>()->key, "catalog.url");
    EXPECT_EQ(refused.error().message().find("hunter2"), std::string::npos) << refused.error().message();
    EXPECT_GT(refused.error().message().size(), std::string("catalog.url: ").size());
  }
}

TEST(Schema, TypesAreTranslatedWhereTheyAreTypes) {
  EXPECT_EQ(
      WithPostgresTypes("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB, c TEXT NOT NULL, d REAL);"),
      "CREATE TABLE t (a BIGINT PRIMARY KEY, b BYTEA, c TEXT COLLATE \"C\" NOT NULL, d DOUBLE PRECISION);");
  EXPECT_EQ(WithPostgresTypes("-- a TEXT\n'TEXT' \"BLOB\" /* REAL */ TEXTS a_TEXT CAST(x AS TEXT)"),
            "-- a TEXT\n'TEXT' \"BLOB\" /* REAL */ TEXTS a_TEXT CAST(x AS TEXT)");
}

}  // namespace
}  // namespace jammi::postgres
