// Migrating, looking, checking, and new incarnations, on every database.
#include <thread>

#include "catalog/admin/admin_fixture.h"
#include "catalog/admin/database.h"
#include "catalog/migrations.h"

namespace jammi::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class Admin : public AdminTest {
 protected:
  // Changes the closed catalog behind everybody's back.
  void Tamper(const std::string& sql) {
    const auto database = Ok(admin::OpenDatabase(location(), admin::Access::kChange));
    if (location().kind == BackendKind::kSqlite) Ok(database->RunScript("PRAGMA foreign_keys=OFF"));
    Ok(database->RunScript(sql));
  }
  static int64_t Key(int64_t topic_no, int64_t offset) { return (topic_no << 40) + offset; }
};

// --- Migrate

TEST_P(Admin, MigrateSaysWhatItApplied) {
  const auto other = GetParam()();
  std::vector<std::string> all;
  for (const Migration& migration : Migrations()) all.emplace_back(migration.name);
  EXPECT_EQ(Ok(MigrateCatalog(other->location())), all);
  EXPECT_THAT(Ok(MigrateCatalog(other->location())), IsEmpty());
  EXPECT_TRUE(other->Open());
}

TEST_P(Admin, ANewerLedgerIsRefusedByName) {
  Close();
  Tamper("INSERT INTO schema_migrations (name, sha256, applied_at) VALUES ('9999_future', 'x', 1)");
  for (const auto& refused : {MigrateCatalog(location()).error(), NewIncarnation(location()).error(),
                              CopyCatalog(location(), {.path = TempDir() / "t.db"}).error()}) {
    EXPECT_EQ(refused.code(), ErrorCode::kFailedPrecondition);
    EXPECT_EQ(FaultOf(refused), BackendFault::kMigration);
    EXPECT_EQ(refused.As<BackendDetail>()->object, "9999_future");
    EXPECT_THAT(refused.message(), HasSubstr("newer version"));
  }
  EXPECT_THAT(Findings(location()),
              ElementsAre(HasSubstr("migration 9999_future: a newer version wrote it")));
  EXPECT_EQ(Ok(ReadCatalogStatus(location())).migrations.back().state, MigrationStatus::State::kUnknown);
}

TEST_P(Admin, AnAlteredLedgerIsRefusedByName) {
  Close();
  Tamper("UPDATE schema_migrations SET sha256 = 'x' WHERE name = '0002_topics'");
  const auto refused = MigrateCatalog(location());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().As<BackendDetail>()->object, "0002_topics");
  EXPECT_THAT(Findings(location()), ElementsAre(HasSubstr("migration 0002_topics")));
  EXPECT_EQ(Ok(ReadCatalogStatus(location())).migrations[1].state, MigrationStatus::State::kAltered);
}

// --- Status

TEST_P(Admin, StatusLooksBesideAnEngine) {
  Fill();
  const CatalogStatus status = Ok(ReadCatalogStatus(location()));
  EXPECT_EQ(status.incarnation, incarnation_);
  EXPECT_EQ(status.mark, CatalogMark::kNone);
  EXPECT_THAT(status.migrations, SizeIs(Migrations().size()));
  for (const auto& migration : status.migrations)
    EXPECT_EQ(migration.state, MigrationStatus::State::kApplied);
  EXPECT_EQ(status.rows.at("models"), 6);
  EXPECT_EQ(status.rows.at("topics"), 4);  // the internal one, and the dropped one
  EXPECT_GE(status.rows.at("events"), 42);
  EXPECT_GT(status.bytes, 0U);
  if (harness_->kind() == BackendKind::kSqlite) {
    ASSERT_TRUE(status.holder);
    EXPECT_EQ(status.holder->pid, getpid());
    Close();
    EXPECT_FALSE(Ok(ReadCatalogStatus(location())).holder);
  } else {
    EXPECT_GE(status.engine_connections, 1);
    Close();
    EXPECT_EQ(Ok(ReadCatalogStatus(location())).engine_connections, 0);
  }
}

TEST_P(Admin, ADatabaseWithoutACatalogIsNotFound) {
  const auto other = GetParam()();
  for (const auto& error : {ReadCatalogStatus(other->location()).error(),
                            CheckCatalog(other->location(), [](const CheckFinding&) {}).error(),
                            NewIncarnation(other->location()).error()}) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound) << error.ToString();
  }
}

// --- Check

TEST_P(Admin, CheckFindsNothingWrongBesideAnEngine) {
  Fill();
  EXPECT_THAT(Findings(location()), IsEmpty());
  const auto report = Ok(CheckCatalog(location(), [](const CheckFinding&) {}));
  EXPECT_EQ(report.topics, 3);
  EXPECT_GE(report.events, 42);
}

TEST_P(Admin, CheckFindsADamagedPayload) {
  Fill();
  Close();
  Tamper(fmt::format("UPDATE events SET payload = CAST('quakes ?' AS {}) WHERE event_key = {}",
                     harness_->kind() == BackendKind::kSqlite ? "BLOB" : "BYTEA", Key(numbers_[0], 7)));
  EXPECT_THAT(Findings(location()),
              ElementsAre(fmt::format("topic {}, offset 7: the payload does not match its"
                                      " checksum",
                                      numbers_[0])));
}

TEST_P(Admin, CheckFindsMissingEvents) {
  Fill();
  Close();
  Tamper(fmt::format("DELETE FROM events WHERE event_key IN ({}, {}, {}, {})", Key(numbers_[0], 0),
                     Key(numbers_[0], 7), Key(numbers_[0], 8), Key(numbers_[0], 39)));
  const std::string topic = fmt::format("topic {}", numbers_[0]);
  EXPECT_THAT(Findings(location()),
              ElementsAre(topic + ", offset 0: the event is missing",
                          topic + ", offset 7: 2 events are missing, to offset 8",
                          topic + ", offset 39: the event is missing", HasSubstr("bytes, there are")));
}

TEST_P(Admin, CheckFindsEventsOutsideOfTheirTopic) {
  Fill();
  Close();
  const std::string copy =
      "INSERT INTO events SELECT {}, committed_at, scope, row_count, checksum, payload FROM events"
      " WHERE event_key = {}";
  Tamper(fmt::format(fmt::runtime(copy), Key(numbers_[0], 40), Key(numbers_[0], 39)));
  Tamper(fmt::format(fmt::runtime(copy), Key(4711, 0), Key(numbers_[0], 39)));
  EXPECT_THAT(Findings(location()),
              ElementsAre(fmt::format("topic {}, offset 40: 1 events are beyond the head", numbers_[0]),
                          "topic 4711: there are events, and no head"));
}

TEST_P(Admin, CheckFindsWrongHeads) {
  Fill();
  Close();
  const int64_t topic = numbers_[0];
  Tamper(
      fmt::format("UPDATE topic_heads SET bytes = bytes + 1, events = events + 1, last_committed_at = 5"
                  " WHERE topic_no = {}",
                  topic));
  EXPECT_THAT(Findings(location()),
              ElementsAre(AllOf(HasSubstr(fmt::format("topic {}: ", topic)), HasSubstr("counts 41 events")),
                          HasSubstr("bytes, there are"), HasSubstr("newer than the head says")));
  Tamper(fmt::format("UPDATE topic_heads SET low_water = 3 WHERE topic_no = {}", topic));
  EXPECT_THAT(Findings(location()), testing::Contains(HasSubstr("3 events are below the low water 3")));
  Tamper(fmt::format("DELETE FROM topic_heads WHERE topic_no = {}", topic));
  EXPECT_THAT(Findings(location()),
              UnorderedElementsAre(HasSubstr("it has no head"), HasSubstr("there are events, and no head")));
}

TEST_P(Admin, CheckFindsProducerKeysWithoutTheirEvents) {
  Fill();
  Close();
  const auto tamper = [&](std::string_view change) {
    Tamper(fmt::format("UPDATE producer_keys SET {} WHERE topic_no = {}", change, numbers_[0]));
    return Findings(location());
  };
  EXPECT_THAT(tamper("first_offset = 40"),
              ElementsAre("producer_keys: 1 stand for events that the log does not retain"));
  EXPECT_THAT(tamper("first_offset = 1"), ElementsAre("producer_keys: 1 stand for events of another scope"));
  EXPECT_THAT(tamper("first_offset = 0, topic_no = 4711"), ElementsAre("producer_keys: 1 are of no topic"));
}

TEST_P(Admin, CheckFindsTimesThatFall) {
  Fill();
  Close();
  Tamper(fmt::format("UPDATE events SET committed_at = 5 WHERE event_key = {}", Key(numbers_[0], 9)));
  EXPECT_THAT(Findings(location()),
              ElementsAre(HasSubstr("offset 9: it was committed before the event in front of it")));
}

TEST_P(Admin, CheckFindsRowsWithoutWhatTheyReferTo) {
  Fill();
  Close();
  const bool sqlite = harness_->kind() == BackendKind::kSqlite;
  if (!sqlite) Tamper("ALTER TABLE topic_heads DROP CONSTRAINT topic_heads_topic_no_fkey");
  Tamper("INSERT INTO topic_heads (topic_no) VALUES (99)");
  Tamper("UPDATE models SET scope = 'nobody' WHERE scope = '' AND name = 'it''s'");
  EXPECT_THAT(Findings(location()),
              UnorderedElementsAre(
                  "topic_heads (topic_no) = (99): what it refers to in topics by (topic_no) is not there",
                  "models (scope, name, version) = (nobody, it's, 1): its scope is no tenant"));
}

TEST_P(Admin, CheckFindsANumberThatWouldBeGivenAgain) {
  Fill();
  Close();
  Tamper("UPDATE catalog_counters SET next_value = 1 WHERE name = 'topic_no'");
  EXPECT_THAT(Findings(location()), ElementsAre(HasSubstr("the next topic's number is 1")));
}

TEST_P(Admin, CheckFindsADamagedListOfVersions) {
  Fill();
  Close();
  for (const char* list : {"", "[", "3", "[3, 3]", "[0]", "[1.5]", "[\"3\"]"}) {
    Tamper(fmt::format("UPDATE topics SET earlier_columns = '{}' WHERE topic_no = {}", list, numbers_[0]));
    EXPECT_THAT(Findings(location()),
                ElementsAre(fmt::format("topic {}: the list of the earlier versions of its"
                                        " schema is damaged",
                                        numbers_[0])))
        << list;
  }
  Tamper("UPDATE topics SET earlier_columns = '[3, 5]'");
  EXPECT_THAT(Findings(location()), IsEmpty());
}

// What is trimmed or appended while the check runs is no damage.
TEST_P(Admin, CheckBesideAPublisherFindsNothing) {
  Fill();
  const std::jthread publisher([this](const std::stop_token& stop) {
    for (int i = 0; !stop.stop_requested(); ++i) Publish(numbers_[0], fmt::format("more {}", i));
  });
  for (int i = 0; i < 10; ++i) EXPECT_THAT(Findings(location()), IsEmpty());
}

// --- Incarnation

TEST_P(Admin, NewIncarnationIsRefusedWhileAnEngineIsThere) {
  Fill();
  const auto refused = NewIncarnation(location());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kFailedPrecondition);
  const bool locked = refused.error().As<CatalogLockedDetail>() != nullptr;
  EXPECT_EQ(locked, harness_->kind() == BackendKind::kSqlite);
  Close();
  const std::string fresh = Ok(NewIncarnation(location()));
  EXPECT_NE(fresh, incarnation_);
  Reopen();
  EXPECT_EQ(catalog_->incarnation(), fresh);
}

JAMMI_ON_EVERY_DATABASE(Admin);

// --- The list of tables

TEST(CatalogTables, EveryTableHasAKeyAndItsColumnsHaveTypes) {
  const auto tables = Ok(admin::CatalogTables());
  EXPECT_GE(tables.size(), 6U);
  for (const admin::Table& table : tables) {
    EXPECT_FALSE(table.key.empty()) << table.name;
    EXPECT_FALSE(table.columns.empty()) << table.name;
    for (const auto& key : table.foreign_keys) {
      for (const auto& column : key.parent_columns) EXPECT_FALSE(column.empty()) << table.name;
    }
  }
}

TEST(CatalogLocation, IsParsedAndShownWithoutSecrets) {
  EXPECT_EQ(ToString(Ok(ParseCatalogLocation("sqlite:/x/../y/c.db"))), "sqlite:/y/c.db");
  for (const auto* url : {"postgres://u:hunter2@h:1/d", "postgresql://h:1/d?user=u&password=hunter2"}) {
    EXPECT_EQ(ToString(Ok(ParseCatalogLocation(url))), "postgres://h:1/d");
  }
  for (const auto* wrong : {"", "sqlite:", "catalog.db", "mysql://u:hunter2@h/d", "postgres:h"}) {
    const auto refused = ParseCatalogLocation(wrong);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(refused.error().message(), Not(HasSubstr("hunter2")));
  }
}

}  // namespace
}  // namespace jammi::test
