// The registry of sources: rules CAT-020..025, the published cases of sources, and tenancy verb by verb.
#include <array>

#include "catalog/source_repo_fixture.h"
#include "support/random.h"

namespace jammi::test {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// --- Rules.

TEST_P(SourcesTest, Cat020Cat021RegistersEveryFieldAndKeepsItOverARestart) {
  const SourceConnection connection = {.url = Secret("postgres://${USER}@host/db"),
                                       .format = FileFormat::kAvro,
                                       .file_extension = ".avro.gz",
                                       .cloud = "s3",
                                       .options = {{"key", Secret("\"\\é")}, {"empty", Secret()}},
                                       .tenant_column = "Customer.id"};
  for (const auto& scope : {kA, kGlobal}) {
    for (const auto type : {SourceType::kFile, SourceType::kPostgres, SourceType::kMysql}) {
      const std::string id(ToString(type));
      const UnixMicros before = Now();
      const auto stored = Ok(As(scope).Register(id, type, connection));
      EXPECT_GE(stored.created_at, before);
      EXPECT_LE(stored.created_at, Now());
      const SourceRecord expected = {.source_id = id,
                                     .owner = scope,
                                     .type = type,
                                     .connection = connection,
                                     .revision = 1,
                                     .created_at = stored.created_at,
                                     .updated_at = stored.created_at};
      EXPECT_EQ(stored, expected);
      Reopen();
      EXPECT_EQ(Ok(As(scope).Get(id)), expected);
    }
  }
  const auto plain = Ok(As(kA).Register("plain", SourceType::kMysql, {.url = Secret("mysql://h")}));
  EXPECT_EQ(plain.connection, SourceConnection{.url = Secret("mysql://h")});
}

TEST_P(SourcesTest, Cat020AnIdThatIsThereIsRefusedAndUntouched) {
  const auto first = Register(kA, "sales");
  const auto changes = Changes();
  const auto refused = As(kA).Register("sales", SourceType::kMysql, {.url = Secret("mysql://other")});
  EXPECT_TRUE(IsSourceError(refused, ErrorCode::kAlreadyExists, "sales"));
  EXPECT_EQ(Ok(As(kA).Get("sales")), first);
  EXPECT_EQ(Changes(), changes);
}

// Ids of all tenants used to be one space, where a collision told that another has the id (WK-11); case 57.
TEST_P(SourcesTest, Wk11Case57EveryScopeHasIdsOfItsOwn) {
  const auto of_a = Register(kA, "sales");
  EXPECT_TRUE(IsAbsent(As(kB).Get("sales"), "sales"));
  EXPECT_TRUE(IsAbsent(As(kB).Describe("sales"), "sales"));
  EXPECT_THAT(ListAll(kB), IsEmpty());
  const auto of_b = Register(kB, "sales");
  const auto global = Register(kGlobal, "sales");
  EXPECT_EQ(Ok(As(kA).Get("sales")), of_a);
  EXPECT_EQ(Ok(As(kB).Get("sales")), of_b);
  EXPECT_EQ(Ok(As(kGlobal).Get("sales")), global);
  EXPECT_EQ(Ok(As(kOutsider).Get("sales")), global);
}

TEST_P(SourcesTest, Cat022Case50ListsOwnAndGlobalByCreation) {
  Register(kA, "z");
  Register(kGlobal, "y");
  Register(kB, "x");
  Register(kA, "w");
  Register(kGlobal, "v");
  for (const int size : {1, 2, 3, 1000}) {
    EXPECT_THAT(Labels(ListAll(kA, size)), ElementsAre("z/A", "y", "w/A", "v")) << size;
    EXPECT_THAT(Labels(ListAll(kB, size)), ElementsAre("y", "x/B", "v")) << size;
    EXPECT_THAT(Labels(ListAll(kGlobal, size)), ElementsAre("y", "v")) << size;
    EXPECT_THAT(Labels(ListAll(kOutsider, size)), ElementsAre("y", "v")) << size;
    const auto all =
        AllPages([&](const std::string& token) { return AllSources(backend()).List(size, token); });
    EXPECT_THAT(Labels(all), ElementsAre("y", "v", "z/A", "w/A", "x/B")) << size;
  }
}

TEST_P(SourcesTest, AListShowsWhatGetFinds) {
  Register(kGlobal, "sales");
  Register(kGlobal, "stock");
  Register(kA, "sales");
  EXPECT_THAT(Labels(ListAll(kA, 1)), ElementsAre("stock", "sales/A"));
  EXPECT_THAT(Labels(ListAll(kB, 1)), ElementsAre("sales", "stock"));
  const auto described =
      AllPages([&](const std::string& token) { return As(kA).ListDescriptions(1, token); });
  ASSERT_EQ(described.size(), 2U);
  EXPECT_EQ(described[0].source.owner, kGlobal);
  EXPECT_EQ(described[1].source.owner, kA);
  Ok(As(kA).Remove("sales"));
  EXPECT_THAT(Labels(ListAll(kA, 1)), ElementsAre("sales", "stock"));
}

TEST_P(SourcesTest, Cat023TextsOfTypesAndFormats) {
  for (const std::string_view text : {"file", "postgres", "mysql"}) {
    EXPECT_EQ(ToString(Ok(ParseSourceType(text))), text);
  }
  for (const std::string_view text : {"parquet", "csv", "json", "avro"}) {
    EXPECT_EQ(ToString(Ok(ParseFileFormat(text))), text);
  }
  for (const std::string_view text : {"", "\"file\"", "File", "local"}) {
    EXPECT_EQ(CodeOf(ParseSourceType(text)), ErrorCode::kInvalidArgument) << text;
    EXPECT_EQ(CodeOf(ParseFileFormat(text)), ErrorCode::kInvalidArgument) << text;
  }
  EXPECT_THAT(ParseSourceType("x").error().message(), HasSubstr("Invalid source_type: 'x'"));
}

TEST_P(SourcesTest, Cat023DamagedOptionsAreDataLoss) {
  for (const std::string_view damaged : {"", "[]", "{\"a\": 1}", "{"}) {
    Register(kA, "sales");
    Sql("UPDATE sources SET options_json = $1", {damaged});
    for (const auto code : {CodeOf(As(kA).Get("sales")), CodeOf(As(kA).List())}) {
      EXPECT_EQ(code, ErrorCode::kDataLoss) << damaged;
    }
    Ok(As(kA).Remove("sales"));
  }
}

TEST_P(SourcesTest, TheDatabaseRefusesWhatIsNoSource) {
  Register(kA, "sales");
  for (const std::string_view damage :
       {"source_type = 'local'", "url = ''", "format = 'xml'", "format = NULL", "revision = 0",
        "source_id = ''", "scope = NULL", "tenant_column = NULL"}) {
    const auto refused = backend().Transact(
        {}, [&](Transaction& tx) { return tx.Execute(fmt::format("UPDATE sources SET {}", damage)); });
    ASSERT_FALSE(refused) << damage;
    const auto* detail = refused.error().As<BackendDetail>();
    EXPECT_TRUE(detail != nullptr && detail->fault == BackendFault::kCheck) << refused.error().ToString();
  }
}

// --- Description.

TEST_P(SourcesTest, Cat024DescribesASourceWithItsVisibleTables) {
  const auto source = Register(kGlobal, "sales");
  Register(kGlobal, "stock");
  AddTable(kA, "t2", "sales", 20);
  AddTable(kGlobal, "t1", "sales", 20);
  AddTable(kA, "t1", "sales", 20);
  AddTable(kB, "t1", "sales", 20);
  AddTable(kGlobal, "t0", "sales", 30);
  AddTable(kGlobal, "t9", "stock", 10);
  const auto description = Ok(As(kA).Describe("sales"));
  EXPECT_EQ(description.source, source);
  EXPECT_EQ(description.tables.items.front(),
            (SourceTable{.table_name = "t1", .owner = kGlobal, .status = "building", .created_at = 20}));
  for (const int size : {1, 2, 3, 4}) {
    EXPECT_THAT(Labels(TablesOf(kA, "sales", size)), ElementsAre("t1", "t1/A", "t2/A", "t0")) << size;
    EXPECT_THAT(Labels(TablesOf(kB, "sales", size)), ElementsAre("t1", "t1/B", "t0")) << size;
    EXPECT_THAT(Labels(TablesOf(kGlobal, "sales", size)), ElementsAre("t1", "t0")) << size;
  }
  EXPECT_TRUE(IsAbsent(As(kA).Describe("other"), "other"));
}

// A global table was made from the global source, even where the reader has one of that name.
TEST_P(SourcesTest, Cat024OfAnOwnSourceOwnTablesOnly) {
  Register(kGlobal, "sales");
  Register(kA, "sales");
  AddTable(kGlobal, "t1", "sales", 1);
  AddTable(kA, "t2", "sales", 2);
  EXPECT_THAT(Labels(TablesOf(kA, "sales")), ElementsAre("t2/A"));
  EXPECT_THAT(Labels(Ok(As(kA).ListDescriptions()).items.at(0).tables.items), ElementsAre("t2/A"));
  EXPECT_THAT(Labels(TablesOf(kB, "sales")), ElementsAre("t1"));
}

TEST_P(SourcesTest, Wk26DescriptionsOfManySourcesAreTheDescriptionsOfEach) {
  Random random(24);
  for (int i = 0; i < 6; ++i) {
    for (const auto& scope : {kA, kB, kGlobal}) {
      if (random.Percent(60)) Register(scope, fmt::format("s{}", i));
    }
  }
  for (int i = 0; i < 60; ++i) {
    AddTable(std::array{kA, kB, kGlobal}[random.Below(3)], fmt::format("t{}", i),
             fmt::format("s{}", random.Below(6)), static_cast<int64_t>(random.Below(5)));
  }
  for (const auto& scope : {kA, kB, kGlobal, kOutsider}) {
    const auto all = AllPages([&](const std::string& token) { return As(scope).ListDescriptions(3, token); });
    const auto sources = ListAll(scope);
    ASSERT_EQ(all.size(), sources.size());
    for (size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(all[i].source, sources[i]);
      EXPECT_EQ(all[i].tables.items, TablesOf(scope, sources[i].source_id, 1000));
      EXPECT_THAT(all[i].tables.next_page_token, IsEmpty());
    }
  }
}

TEST_P(SourcesTest, ADescriptionIsBoundedAndGoesOn) {
  Register(kGlobal, "sales");
  Register(kA, "small");
  const int count = Sources::kTablesPerSource + 5;
  for (int i = 0; i < count; ++i) AddTable(i % 2 == 0 ? kA : kGlobal, fmt::format("t{:03}", i), "sales", 0);
  const auto first = Ok(As(kA).ListDescriptions()).items.at(0).tables;
  ASSERT_EQ(first.items.size(), static_cast<size_t>(Sources::kTablesPerSource));
  auto all = first.items;
  const auto rest = Ok(As(kA).Describe("sales", 1000, first.next_page_token)).tables;
  std::ranges::copy(rest.items, std::back_inserter(all));
  EXPECT_EQ(all, TablesOf(kA, "sales", 1000));
  EXPECT_EQ(all.size(), static_cast<size_t>(count));
  EXPECT_EQ(CodeOf(As(kA).Describe("small", 10, first.next_page_token)), ErrorCode::kInvalidArgument);
}

// --- Removal and change.

TEST_P(SourcesTest, Cat025Case40RemovesOneOfTwo) {
  const auto first = Register(kA, "one");
  Register(kA, "two");
  Reopen();
  Ok(As(kA).Remove("two"));
  Reopen();
  EXPECT_THAT(ListAll(kA), ElementsAre(first));
  EXPECT_TRUE(IsAbsent(As(kA).Get("two"), "two"));
  EXPECT_TRUE(IsAbsent(As(kA).Remove("two"), "two"));
  EXPECT_EQ(Register(kA, "two").revision, 1);
}

// A removal that matched nothing used to be a success, and to end in the loss of another's source (WK-05).
TEST_P(SourcesTest, Wk05Case56NobodyRemovesWhatIsNotHis) {
  const auto of_a = Register(kA, "sales");
  const auto global = Register(kGlobal, "shared");
  const auto changes = Changes();
  EXPECT_TRUE(IsAbsent(As(kB).Remove("sales"), "sales"));
  EXPECT_TRUE(IsAbsent(As(kGlobal).Remove("sales"), "sales"));
  EXPECT_TRUE(IsAbsent(As(kB).Remove("shared"), "shared"));
  EXPECT_TRUE(IsAbsent(As(kA).Update("shared", File("file:///stolen")), "shared"));
  EXPECT_TRUE(IsAbsent(As(kB).Update("sales", File("file:///stolen")), "sales"));
  EXPECT_EQ(Changes(), changes);
  EXPECT_EQ(Ok(As(kA).Get("sales")), of_a);
  EXPECT_EQ(Ok(As(kA).Get("shared")), global);
  Ok(As(kGlobal).Remove("shared"));
  EXPECT_TRUE(IsAbsent(As(kA).Get("shared"), "shared"));
}

TEST_P(SourcesTest, Wk05ReservedIdsAreRefused) {
  for (const std::string id : {"mutable", "jammi", "main", "temp", "memory", "system", "information_schema",
                               "pg_catalog", "Mutable", "MAIN", "_jammi", "_jammi_search", "_JAMMI_x"}) {
    EXPECT_TRUE(
        IsSourceError(As(kA).Register(id, SourceType::kFile, File()), ErrorCode::kInvalidArgument, id));
    EXPECT_TRUE(
        IsSourceError(As(kGlobal).Register(id, SourceType::kFile, File()), ErrorCode::kInvalidArgument, id));
  }
  for (const std::string id : {"mutable2", "my.jammi", "jammi_data", "_jam", "main "}) Register(kA, id);
}

TEST_P(SourcesTest, Wk31AnUpdateReplacesTheConnectionAndNothingElse) {
  const auto first = Register(kA, "sales");
  Ok(As(kA).Register("other", SourceType::kFile, File()));
  MoveClock(seconds(1));
  SourceConnection next = File("file:///b.csv");
  next.format = FileFormat::kCsv;
  next.options = {{"delimiter", Secret(";")}};
  next.tenant_column = "tenant";
  const auto second = Ok(As(kA).Update("sales", next, 1));
  EXPECT_GT(second.updated_at, first.updated_at);
  SourceRecord expected = first;
  expected.connection = next;
  expected.revision = 2;
  expected.updated_at = second.updated_at;
  EXPECT_EQ(second, expected);
  Reopen();
  EXPECT_EQ(Ok(As(kA).Get("sales")), expected);
  EXPECT_EQ(Ok(As(kA).Get("other")).connection, File());

  EXPECT_EQ(CodeOf(As(kA).Update("sales", File(), 1)), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(As(kA).Update("sales", {.url = Secret("file:///x")})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Ok(As(kA).Get("sales")), expected);
  EXPECT_EQ(Ok(As(kA).Update("sales", File())).revision, 3);
}

TEST_P(SourcesTest, ChangesAreRecordedWithWhoOwnsThem) {
  Register(kA, "sales");
  Ok(As(kA).Update("sales", File("file:///b")));
  Ok(As(kA).Remove("sales"));
  EXPECT_EQ(Changes(), 3);
  EXPECT_EQ(GetInt("SELECT COUNT(*) AS v FROM events WHERE scope = $1", {kA.Key()}), 3);
}

JAMMI_ON_EVERY_DATABASE(SourcesTest);

}  // namespace
}  // namespace jammi::test
