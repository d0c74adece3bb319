// Definitions and lives of mutable tables: MUT-001..018, bad input, tenancy verb by verb, what a database
// refuses, races.
#include "tables/table_store.h"

#include <fmt/format.h>

#include <atomic>
#include <thread>

#include "support/random.h"
#include "tables/table_fixture.h"

namespace jammi::test {
namespace {

using namespace std::string_literals;  // NOLINT: made for it
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using enum TableFault;

using TableStoreTest = TableTest;
JAMMI_ON_EVERY_DATABASE(TableStoreTest);

TEST_P(TableStoreTest, Mut001IdsAreCheckedInOrder) {
  for (const std::string& id : {"ab1_c2"s, "a"s, "123"s, "_x"s, std::string(63, 'a')}) {
    EXPECT_TRUE(As(kA).Create(Widgets(id))) << id;
  }
  const std::pair<std::string, std::string> bad[] = {{"", "empty"},
                                                     {std::string(64, 'A'), "64 bytes"},
                                                     {"Foo", "a-z"},
                                                     {"foo-bar", "a-z"},
                                                     {"foo bar", "a-z"},
                                                     {"f\xff", "a-z"},
                                                     {"x\"; DROP TABLE models; --", "a-z"}};
  for (const auto& [id, why] : bad) {
    const auto refused = As(kA).Create(Widgets(id));
    ASSERT_NE(Refusal(refused, ErrorCode::kInvalidArgument, kInvalidId), nullptr) << id;
    EXPECT_THAT(refused.error().message(), HasSubstr(why));
  }
}

TEST_P(TableStoreTest, Mut006ReservedPrefixesAreTheEngines) {
  for (const std::string id : {"_jammi_audit", "__topic_1", "__eph_1_x"}) {
    const auto refused = As(kA).Create(Widgets(id));
    ASSERT_NE(Refusal(refused, ErrorCode::kInvalidArgument, kInvalidId), nullptr) << id;
    EXPECT_THAT(refused.error().message(), HasSubstr("reserved"));
    EXPECT_TRUE(store().Create(kA, Widgets(id), {}, TableCreator::kEngine));
  }
  EXPECT_THAT(Ok(As(kA).List()).items, IsEmpty());
  EXPECT_TRUE(As(kA).Get("__eph_1_x"));
}

TEST_P(TableStoreTest, DefinitionsAreChecked) {
  const auto schema = [](std::vector<std::string> names) {
    arrow::FieldVector fields;
    for (const auto& name : names) fields.push_back(arrow::field(name, arrow::int64()));
    return arrow::schema(fields);
  };
  struct Case {
    TableDefinition definition;
    TableFault fault;
    std::string column;
  };
  const auto good = [&] {
    return TableDefinition{.id = "t", .schema = schema({"a", "b"}), .primary_key = {"a"}};
  };
  std::vector<Case> cases;
  const auto add = [&](TableFault fault, std::string column, auto change) {
    cases.push_back({good(), fault, std::move(column)});
    change(cases.back().definition);
  };
  add(kSchema, "", [](auto& t) { t.schema = nullptr; });
  add(kSchema, "", [](auto& t) { t.schema = arrow::schema({}); });
  add(kSchema, "", [](auto& t) { t.primary_key.clear(); });                          // MUT-002
  add(kMissingPrimaryKey, "missing", [](auto& t) { t.primary_key = {"missing"}; });  // MUT-002
  add(kMissingPrimaryKey, "A", [](auto& t) { t.primary_key = {"A"}; });
  add(kReservedColumn, "tenant_id", [&](auto& t) { t.schema = schema({"a", "tenant_id"}); });  // MUT-003
  add(kReservedColumn, "Tenant_ID", [&](auto& t) { t.schema = schema({"a", "Tenant_ID"}); });
  add(kReservedColumn, "_rowid", [&](auto& t) { t.schema = schema({"a", "_rowid"}); });
  add(kSchema, "", [&](auto& t) { t.schema = schema({"a", ""}); });
  add(kSchema, "A", [&](auto& t) { t.schema = schema({"a", "A"}); });
  add(kSchema, "a", [&](auto& t) { t.schema = schema({"a", "a"}); });
  add(kSchema, "a", [](auto& t) { t.primary_key = {"a", "a"}; });
  add(kSchema, "seq", [](auto& t) { t.order_column = "seq"; });  // MUT-004
  add(kSchema, "b", [](auto& t) {
    t.order_column = "b";
    t.schema = arrow::schema({arrow::field("a", arrow::int64()), arrow::field("b", arrow::float32())});
  });
  add(kSchema, "c", [](auto& t) { t.indexes = {{"i", {"c"}}}; });
  add(kSchema, "b", [](auto& t) { t.indexes = {{"i", {"b", "b"}}}; });
  add(kSchema, "", [](auto& t) { t.indexes = {{"i", {}}}; });
  add(kSchema, "I", [](auto& t) { t.indexes = {{"i", {"a"}}, {"I", {"b"}}}; });
  add(kSchema, "i;", [](auto& t) { t.indexes = {{"i;", {"a"}}}; });
  add(kSchema, "", [](auto& t) { t.indexes = {{"", {"a"}}}; });
  // MUT-005: the key before the columns, these before the order column.
  add(kMissingPrimaryKey, "missing", [&](auto& t) {
    t.schema = schema({"tenant_id"});
    t.primary_key = {"missing"};
  });
  add(kReservedColumn, "_b", [&](auto& t) {
    t.schema = schema({"a", "_b"});
    t.order_column = "seq";
  });
  for (const auto& one : cases) {
    const auto refused = As(kA).Create(one.definition);
    ASSERT_FALSE(refused);
    const auto* detail = Refusal(refused, ErrorCode::kInvalidArgument, one.fault);
    ASSERT_NE(detail, nullptr) << refused.error().ToString();
    EXPECT_EQ(detail->column, one.column) << refused.error().ToString();
  }
  auto bad = good();
  bad.user_metadata = "[]";
  EXPECT_EQ(CodeOf(As(kA).Create(bad)), ErrorCode::kInvalidArgument);
  bad = good();
  bad.chunk_size = 0;
  EXPECT_EQ(CodeOf(As(kA).Create(bad)), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(As(kA).Create(good()));
  EXPECT_EQ(CountStorage(), 1);
}

// MUT-011: before anything is made, and by name.
TEST_P(TableStoreTest, Mut011ATypeThatCannotBeStoredOrOrderedIsRefused) {
  auto definition = Widgets();
  definition.schema = arrow::schema({arrow::field("id", arrow::int64()),
                                     arrow::field("d", arrow::dictionary(arrow::int8(), arrow::utf8()))});
  EXPECT_THAT(As(kA).Create(definition).error().message(), HasSubstr("column 'd'"));
  definition.schema =
      arrow::schema({arrow::field("id", arrow::list(arrow::int64())), arrow::field("n", arrow::utf8())});
  const auto refused = As(kA).Create(definition);
  EXPECT_EQ(CodeOf(refused), ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.error().As<UnsupportedSchemaTypeDetail>(), nullptr);
}

TEST_P(TableStoreTest, Mut010WhatIsCreatedIsThereAfterARestart) {
  auto definition = Widgets();
  definition.schema =
      arrow::schema({arrow::field("sku", arrow::utf8(), false), arrow::field("seq", arrow::uint64(), false),
                     arrow::field("price", arrow::decimal128(12, 2)),
                     arrow::field("at", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"))});
  definition.primary_key = {"sku", "seq"};
  definition.order_column = "seq";
  definition.indexes = {{"by_price", {"price", "at"}}, {"once", {"at"}, true}};
  definition.user_metadata = R"({"team": "pricing"})";
  definition.chunk_size = 100;
  const auto created = Ok(As(kA).Create(definition));
  EXPECT_EQ(created.owner, kA);
  Reopen();
  const auto found = Ok(As(kA).Get("widgets"));
  EXPECT_EQ(found.number, created.number);
  EXPECT_EQ(found.created_at, created.created_at);
  EXPECT_TRUE(found.definition.schema->Equals(*definition.schema));
  EXPECT_EQ(found.definition.primary_key, definition.primary_key);
  EXPECT_EQ(found.definition.order_column, "seq");
  EXPECT_EQ(found.definition.indexes, definition.indexes);
  EXPECT_EQ(found.definition.user_metadata, definition.user_metadata);
  EXPECT_EQ(found.definition.chunk_size, 100U);
}

TEST_P(TableStoreTest, Mut012ASecondOfTheSameIdAndOwnerIsRefused) {
  Ok(As(kA).Create(Widgets()));
  const auto refused = As(kA).Create(Widgets());
  const auto* detail = Refusal(refused, ErrorCode::kAlreadyExists, kAlreadyExists);
  ASSERT_NE(detail, nullptr);
  EXPECT_EQ(detail->table, "widgets");
  Ok(As(kB).Create(Widgets()));
  Ok(As(kGlobal).Create(Widgets()));
  EXPECT_EQ(CountStorage(), 3);
}

// A definition that the database refuses leaves nothing: the name of the next storage table is taken.
TEST_P(TableStoreTest, Mut010WhatTheDatabaseRefusesLeavesNothing) {
  const auto first = Ok(As(kA).Create(Widgets("first")));
  Sql(fmt::format("CREATE TABLE mt_{} (x BIGINT)", first.number + 1));
  const auto refused = As(kA).Create(Widgets());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().As<BackendDetail>(), nullptr);
  EXPECT_THAT(refused.error().message(), HasSubstr("creating table 'widgets'"));
  EXPECT_EQ(CodeOf(As(kA).Get("widgets")), ErrorCode::kNotFound);
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM mutable_tables"), 1);
  Sql(fmt::format("DROP TABLE mt_{}", first.number + 1));
  EXPECT_EQ(Ok(As(kA).Create(Widgets())).number, first.number + 1);
}

TEST_P(TableStoreTest, Mut014OnlyTheOwnerDrops) {
  Ok(As(kGlobal).Create(Widgets()));
  Ok(As(kA).Append("widgets", WidgetRows(R"([[1, "a"]])")));
  for (const Scope& other : {kA, kB}) {
    const auto refused = As(other).Drop("widgets");
    ASSERT_NE(Refusal(refused, ErrorCode::kNotFound, kNotFound), nullptr);
  }
  EXPECT_EQ(StoredRows(kA, "widgets")->num_rows(), 1);
  Ok(As(kA).Create(Widgets()));
  Ok(As(kA).Drop("widgets"));  // his own
  EXPECT_EQ(StoredRows(kA, "widgets")->num_rows(), 1);
  Ok(As(kGlobal).Drop("widgets"));
  EXPECT_EQ(CodeOf(As(kGlobal).Get("widgets")), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(As(kGlobal).Drop("widgets")), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(As(kA).Append("widgets", WidgetRows("[]"))), ErrorCode::kNotFound);
  EXPECT_EQ(CountStorage(), 0);
}

TEST_P(TableStoreTest, Mut017GetFindsOwnOrSharedAndListOnlyOwn) {
  Ok(As(kGlobal).Create(Widgets("shared")));
  Ok(As(kGlobal).Create(Widgets("both")));
  Ok(As(kA).Create(Widgets("both")));
  for (const auto id : {"a2", "a1", "a3"}) Ok(As(kA).Create(Widgets(id)));
  EXPECT_EQ(Ok(As(kA).Get("both")).owner, kA);
  EXPECT_EQ(Ok(As(kB).Get("both")).owner, kGlobal);
  EXPECT_EQ(Ok(As(kA).Get("shared")).owner, kGlobal);
  EXPECT_EQ(CodeOf(As(kB).Get("a1")), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(As(kGlobal).Get("a1")), ErrorCode::kNotFound);
  const auto ids = [&](const Scope& scope) {
    std::vector<std::string> all;
    const auto list = [&](const std::string& token) { return As(scope).List(2, token); };
    for (const auto& record : AllPages(list)) all.push_back(record.definition.id);
    return all;
  };
  EXPECT_THAT(ids(kA), ElementsAre("a1", "a2", "a3", "both"));
  EXPECT_THAT(ids(kGlobal), ElementsAre("both", "shared"));
  EXPECT_THAT(ids(kB), IsEmpty());
  EXPECT_EQ(CodeOf(As(kA).List(0)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(As(kA).List(1, "nonsense")), ErrorCode::kInvalidArgument);
}

TEST_P(TableStoreTest, TenantsShareAGlobalTableWithoutNoticing) {
  auto definition = Widgets();
  definition.indexes = {{"one_name", {"name"}, true}};
  Ok(As(kGlobal).Create(definition));
  EXPECT_EQ(Ok(As(kA).Append("widgets", WidgetRows(R"([[1, "a"], [2, "b"]])"))), 2);
  EXPECT_EQ(Ok(As(kB).Append("widgets", WidgetRows(R"([[1, "a"]])"))), 1);
  EXPECT_EQ(Ok(As(kGlobal).Append("widgets", WidgetRows(R"([[1, "a"]])"))), 1);
  EXPECT_TRUE(StoredRows(kA, "widgets")->Equals(*WidgetRows(R"([[1, "a"], [2, "b"]])")));
  EXPECT_TRUE(StoredRows(kB, "widgets")->Equals(*WidgetRows(R"([[1, "a"]])")));
}

TEST_P(TableStoreTest, Mut034DuplicatesAreRefusedAndNothingIsWritten) {
  auto definition = Widgets();
  definition.indexes = {{"one_name", {"name"}, true}};
  Ok(As(kA).Create(definition));
  Ok(As(kA).Append("widgets", WidgetRows(R"([[1, "a"], [2, null], [3, null]])")));
  for (const auto rows : {R"([[4, "d"], [1, "x"]])", R"([[4, "d"], [5, "a"]])", R"([[6, "f"], [6, "g"]])"}) {
    const auto refused = As(kA).Append("widgets", WidgetRows(rows));
    const auto* detail = Refusal(refused, ErrorCode::kAlreadyExists, kDuplicateKey);
    ASSERT_NE(detail, nullptr);
    EXPECT_EQ(detail->table, "widgets");
    EXPECT_THAT(refused.error().message(), testing::Not(HasSubstr("mt_")));
  }
  EXPECT_EQ(StoredRows(kA, "widgets")->num_rows(), 3);
}

TEST_P(TableStoreTest, Mut061TheColumnsMustBeTheTables) {
  Ok(As(kA).Create(Widgets()));
  const auto id = arrow::field("id", arrow::int64(), false);
  const auto name = arrow::field("name", arrow::utf8());
  for (const auto& schema :
       {arrow::schema({id}), arrow::schema({name, id}), arrow::schema({id, name->WithName("Name")}),
        arrow::schema({id->WithType(arrow::int32()), name}), arrow::schema({id, name->WithNullable(false)}),
        arrow::schema({id, name, name->WithName("more")})}) {
    const auto batch = *arrow::RecordBatch::MakeEmpty(schema);
    EXPECT_NE(Refusal(As(kA).Append("widgets", batch), ErrorCode::kInvalidArgument, kSchema), nullptr)
        << schema->ToString();
  }
  const auto described = arrow::schema({id, name->WithMetadata(arrow::key_value_metadata({"k"}, {"v"}))},
                                       arrow::key_value_metadata({"k"}, {"v"}));
  EXPECT_EQ(Ok(As(kA).Append("widgets", BatchFromJson(described, R"([[1, "a"]])"))), 1);
  EXPECT_EQ(Ok(As(kA).Append("widgets", WidgetRows("[]"))), 0);
  EXPECT_EQ(Ok(As(kA).Append("widgets", Tables::Batches())), 0);
  EXPECT_EQ(CodeOf(As(kA).Append("widgets", std::shared_ptr<arrow::RecordBatch>())),
            ErrorCode::kInvalidArgument);
}

// MUT-033. Keys and order column take no nulls, whatever the schema says.
TEST_P(TableStoreTest, Mut033ANullWhereNoneMayBeIsRefused) {
  auto definition = Widgets();
  definition.schema =
      arrow::schema({arrow::field("id", arrow::int64()), arrow::field("seq", arrow::int64()),
                     arrow::field("must", arrow::int64(), false), arrow::field("may", arrow::int64())});
  definition.order_column = "seq";
  Ok(As(kA).Create(definition));
  const auto append = [&](const std::string& row) {
    return As(kA).Append("widgets", BatchFromJson(definition.schema, "[[0, 0, 0, 0], " + row + "]"));
  };
  for (const auto& [row, column] : {std::pair("[null, 1, 1, 1]", "id"), std::pair("[1, null, 1, 1]", "seq"),
                                    std::pair("[1, 1, null, 1]", "must")}) {
    const auto refused = append(row);
    const auto* detail = Refusal(refused, ErrorCode::kInvalidArgument, kInvalidValue);
    ASSERT_NE(detail, nullptr) << row;
    EXPECT_EQ(detail->column, column);
  }
  EXPECT_EQ(Ok(append("[1, 1, 1, null]")), 2);
}

TEST_P(TableStoreTest, LongTextIsRefusedInAKeyAndTakenBeside) {
  auto definition = Widgets();
  definition.schema =
      arrow::schema({arrow::field("k", arrow::utf8(), false), arrow::field("v", arrow::utf8())});
  definition.primary_key = {"k"};
  Ok(As(kA).Create(definition));
  const auto row = [&](size_t key, size_t value) {
    // Not to be compressed.
    Random random(7);
    std::string text(key, 'k');
    for (char& c : text) c = static_cast<char>('!' + random.Below(90));
    arrow::StringBuilder keys;
    arrow::StringBuilder values;
    EXPECT_TRUE(keys.Append(text).ok() && values.Append(std::string(value, 'v')).ok());
    return arrow::RecordBatch::Make(definition.schema, 1, {*keys.Finish(), *values.Finish()});
  };
  EXPECT_EQ(Ok(As(kA).Append("widgets", row(Tables::kMaxIndexedBytes, 3 << 20))), 1);
  EXPECT_NE(Refusal(As(kA).Append("widgets", row(Tables::kMaxIndexedBytes + 1, 1)),
                    ErrorCode::kInvalidArgument, kInvalidValue),
            nullptr);
}

TEST_P(TableStoreTest, ManyRowsAndManyColumnsInOneCall) {
  arrow::FieldVector fields;
  for (int i = 0; i < TableDefinition::kMaxColumns; ++i)
    fields.push_back(arrow::field(fmt::format("c{}", i), arrow::int64()));
  const auto schema = arrow::schema(fields);
  Ok(As(kA).Create({.id = "wide", .schema = schema, .primary_key = {"c0"}}));
  arrow::Int64Builder builder;
  for (int64_t i = 0; i < 1000; ++i) ASSERT_TRUE(builder.Append(i).ok());
  const auto column = *builder.Finish();
  const auto batch =
      arrow::RecordBatch::Make(schema, 1000, arrow::ArrayVector(TableDefinition::kMaxColumns, column));
  const std::shared_ptr<arrow::RecordBatch> parts[] = {batch->Slice(0, 10), batch->Slice(10, 0),
                                                       batch->Slice(10, 990)};
  EXPECT_EQ(Ok(As(kA).Append("wide", parts)), 1000);
  EXPECT_TRUE(StoredRows(kA, "wide")->Equals(*batch));
  fields.push_back(arrow::field("one_more", arrow::int64()));
  EXPECT_EQ(CodeOf(As(kA).Create({.id = "wider", .schema = arrow::schema(fields), .primary_key = {"c0"}})),
            ErrorCode::kInvalidArgument);
}

// The number tells a table from the next one of that id, also to another process.
TEST_P(TableStoreTest, ATableThatWasDroppedAndCreatedAgainElsewhereIsNoticed) {
  TableStore other(backend());
  Ok(As(kA).Create(Widgets()));
  Ok(As(kA).Append("widgets", WidgetRows(R"([[1, "a"]])")));
  Ok(other.Drop(kA, "widgets"));
  EXPECT_EQ(CodeOf(As(kA).Append("widgets", WidgetRows(R"([[1, "a"]])"))), ErrorCode::kNotFound);
  auto changed = Widgets();
  changed.schema = arrow::schema({arrow::field("id", arrow::int64(), false)});
  Ok(other.Create(kA, changed));
  EXPECT_NE(
      Refusal(As(kA).Append("widgets", WidgetRows(R"([[1, "a"]])")), ErrorCode::kInvalidArgument, kSchema),
      nullptr);
  EXPECT_EQ(Ok(As(kA).Append("widgets", BatchFromJson(changed.schema, "[[1]]"))), 1);
  // A global one that he has hidden meanwhile.
  Ok(As(kGlobal).Create(Widgets("g")));
  Ok(As(kA).Append("g", WidgetRows(R"([[1, "a"]])")));
  Ok(other.Create(kA, Widgets("g")));
  Ok(As(kA).Append("g", WidgetRows(R"([[1, "a"]])")));
  EXPECT_EQ(Ok(As(kA).Get("g")).owner, kA);
}

TEST_P(TableStoreTest, OfManyWhoCreateOneDoes) {
  std::atomic<int> created = 0;
  std::atomic<int> refused = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      TableStore mine(backend());
      for (int round = 0; round < 5; ++round) {
        const auto result = mine.Create(kA, Widgets(fmt::format("t{}", round)));
        if (result) {
          ++created;
        } else {
          EXPECT_EQ(CodeOf(result), ErrorCode::kAlreadyExists) << result.error().ToString();
          ++refused;
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(created, 5);
  EXPECT_EQ(refused, 15);
  EXPECT_EQ(CountStorage(), 5);
}

// Create, append and drop of one id by several at once: every outcome is one of the right ones.
TEST_P(TableStoreTest, RacesOfCreateAppendAndDropEndWell) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      TableStore mine(backend());
      Random random(static_cast<uint64_t>(i) + 1);
      for (int round = 0; round < 40; ++round) {
        const auto what = random.Below(4);
        const auto code =
            what == 0   ? CodeOf(mine.Create(kA, Widgets()))
            : what == 1 ? CodeOf(mine.Drop(kA, "widgets"))
                        : CodeOf(mine.Append(kA, "widgets",
                                             {{WidgetRows(fmt::format("[[{}, \"x\"]]", i * 1000 + round))}}));
        const auto expected = what == 0 ? ErrorCode::kAlreadyExists : ErrorCode::kNotFound;
        EXPECT_TRUE(!code || *code == expected) << ToString(*code);
      }
    });
  }
  threads.clear();
  const bool there = As(kA).Get("widgets").has_value();
  EXPECT_EQ(CountStorage(), there ? 1 : 0);
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM mutable_tables"), there ? 1 : 0);
}

}  // namespace
}  // namespace jammi::test
