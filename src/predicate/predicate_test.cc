// Rules TRG-096...105 and the predicates of the reference's cases.
#include "jammi/predicate.h"

#include <gmock/gmock.h>

#include "predicate/test_support.h"

namespace jammi::predicate {
namespace {

using testing::HasSubstr;

// The schema of the reference's cases, with some columns more.
std::shared_ptr<arrow::RecordBatch> Events() {
  return Batch({{"id", arrow::int64(), "[1, 2, 3, 4, 5, 6]"},
                {"kind", arrow::utf8(), R"(["X", "Y", "X", "Y", "x", null])"},
                {"value", arrow::float64(), "[1.5, 2.5, null, 4.5, 5.5, 6.5]"},
                {"flag", arrow::boolean(), "[true, false, null, true, false, null]"},
                {"Mixed Case", arrow::int32(), "[1, 2, 3, 4, 5, 6]"},
                {"tags", arrow::list(arrow::utf8()), R"([["a"], [], null, ["b"], ["c"], ["d"]])"}});
}

std::string On(const std::string& sql) { return Matches(sql, Events()); }

Error ErrorOf(const std::string& sql) {
  auto predicate = Predicate::Compile(sql, Events()->schema());
  EXPECT_FALSE(predicate) << sql;
  return predicate ? Error(ErrorCode::kInternal, "it compiled") : predicate.error();
}

int64_t PositionOf(const std::string& sql) {
  const Error error = ErrorOf(sql);
  const auto* detail = error.As<PredicateParseDetail>();
  EXPECT_NE(detail, nullptr) << error.ToString();
  return detail == nullptr ? -2 : detail->position;
}

TEST(Predicate, Trg096EmptyTextMatchesEverything) {
  for (const std::string blank : {"", " ", "\t\n  "}) {
    const auto predicate = Predicate::Compile(blank, Events()->schema());
    ASSERT_TRUE(predicate);
    EXPECT_TRUE(predicate->matches_all());
    EXPECT_EQ(predicate->source_sql(), "");
    const auto batch = Events();
    EXPECT_EQ(*predicate->Filter(batch), batch);
  }
}

TEST(Predicate, Trg096TextIsTrimmed) {
  const auto predicate = Predicate::Compile(" \n kind = 'X'\t", Events()->schema());
  ASSERT_TRUE(predicate);
  EXPECT_FALSE(predicate->matches_all());
  EXPECT_EQ(predicate->source_sql(), "kind = 'X'");
  EXPECT_EQ(PositionOf("   nosuch = 1"), 0);  // counted in the trimmed text
}

TEST(Predicate, Trg097ErrorsOfTheTextAreFoundAtCompile) {
  for (const std::string sql :
       {"(((", "kind =", "= 1", "kind = 'X' AND", "no_such_column = 1", "t.kind = 'X'", "kind + 1 = 2",
        "flag = 1", "id AND flag", "lower(id) = 'a'", "kind IN ()"}) {
    const Error error = ErrorOf(sql);
    EXPECT_EQ(KindOf(error), "parse") << sql;
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument) << sql;
  }
}

TEST(Predicate, Trg097ErrorsSayWhereAndWhat) {
  EXPECT_EQ(PositionOf("((("), 3);
  EXPECT_EQ(PositionOf("kind = 'X' AND nosuch = 1"), 15);
  EXPECT_EQ(PositionOf("kind = 'unfinished"), 7);
  EXPECT_EQ(PositionOf("id = 'seven'"), 5);
  EXPECT_EQ(PositionOf("kind = 'X')"), 10);
  EXPECT_THAT(ErrorOf("kinds = 'X'").message(),
              HasSubstr("there is no column 'kinds'; did you mean 'kind'?"));
  EXPECT_THAT(ErrorOf("t.kind = 'X'").message(), HasSubstr("there is no table 't'"));
  EXPECT_THAT(ErrorOf("id = 'seven'").message(), HasSubstr("'seven' is not a BIGINT"));
  EXPECT_THAT(ErrorOf("kind ~ '('").message(), HasSubstr("missing )"));
}

TEST(Predicate, Trg097NamesResolveOnceAgainstTheSchema) {
  EXPECT_EQ(On("kind = 'X'"), "101000");
  EXPECT_EQ(On("KIND = 'X'"), "101000");
  EXPECT_EQ(On("\"kind\" = 'X'"), "101000");
  EXPECT_EQ(On("\"Mixed Case\" > 4"), "000011");
  EXPECT_EQ(On("\"mixed case\" > 4"), "000011");
}

// With names that differ by case, which topics refuse, the exact one is meant.
TEST(Predicate, Trg097NamesThatDifferByCase) {
  const auto batch = Batch({{"a", arrow::int64(), "[1, 2]"},
                            {"A", arrow::int64(), "[3, 4]"},
                            {"b", arrow::int64(), "[5, 6]"},
                            {"b", arrow::int64(), "[7, 8]"}});
  EXPECT_EQ(Matches("a = 1", batch), "10");
  EXPECT_EQ(Matches("A = 3", batch), "10");
  EXPECT_THAT(Matches("b = 5", batch), HasSubstr("more than one column is named 'b'"));
}

TEST(Predicate, Trg098ColumnsThatCannotBeFilteredAreNamed) {
  const Error error = ErrorOf("id = 1 AND tags IS NULL");
  EXPECT_EQ(KindOf(error), "parse");
  EXPECT_THAT(error.message(), HasSubstr("the column 'tags' of type list<item: string> cannot be filtered"));
  EXPECT_EQ(On("id = 1"), "100000");  // and they do not disturb the others
}

struct TextForm {
  const char* sql;
  const char* rows;
};
void PrintTo(const TextForm& form, std::ostream* out) { *out << form.sql; }
class AllowedForm : public testing::TestWithParam<TextForm> {};
TEST_P(AllowedForm, Trg098) { EXPECT_EQ(On(GetParam().sql), GetParam().rows) << GetParam().sql; }
INSTANTIATE_TEST_SUITE_P(
    Forms, AllowedForm,
    testing::Values(
        TextForm{"flag", "100100"}, TextForm{"TRUE", "111111"}, TextForm{"(flag)", "100100"},
        TextForm{"id = 1", "100000"}, TextForm{"id == 1", "100000"}, TextForm{"id != 1", "011111"},
        TextForm{"id <> 1", "011111"}, TextForm{"id < 3", "110000"}, TextForm{"id <= 3", "111000"},
        TextForm{"id > 3", "000111"}, TextForm{"id >= 3", "001111"}, TextForm{"3 < id", "000111"},
        TextForm{"id = 1 AND flag", "100000"}, TextForm{"id = 1 OR id = 2 OR flag", "110100"},
        TextForm{"NOT flag", "010010"}, TextForm{"NOT NOT flag", "100100"}, TextForm{"id + 1 = 3", "010000"},
        TextForm{"id - 1 = 3", "000100"}, TextForm{"id * 2 = 6", "001000"}, TextForm{"id / 2 = 1", "011000"},
        TextForm{"id % 2 = 0", "010101"}, TextForm{"value / 2 = 1.25", "010000"},
        TextForm{"kind || '!' = 'X!'", "101000"}, TextForm{"kind || id = 'X3'", "001000"},
        TextForm{"id & 1 = 1", "101010"}, TextForm{"id | 1 = 3", "011000"}, TextForm{"id ^ 1 = 3", "010000"},
        TextForm{"id << 1 = 4", "010000"}, TextForm{"id >> 1 = 2", "000110"},
        TextForm{"kind ~ 'X'", "101000"}, TextForm{"kind ~* 'x'", "101010"},
        TextForm{"kind !~ 'X'", "010110"}, TextForm{"kind !~* 'x'", "010100"},
        TextForm{"kind IS DISTINCT FROM 'X'", "010111"}, TextForm{"kind IS NOT DISTINCT FROM 'X'", "101000"},
        TextForm{"kind IS NOT DISTINCT FROM NULL", "000001"}, TextForm{"-id = -1", "100000"},
        TextForm{"-(id) < -5", "000001"}, TextForm{"kind IS NULL", "000001"},
        TextForm{"kind IS NOT NULL", "111110"}, TextForm{"flag IS TRUE", "100100"},
        TextForm{"flag IS NOT TRUE", "011011"}, TextForm{"flag IS FALSE", "010010"},
        TextForm{"flag IS NOT FALSE", "101101"}, TextForm{"flag IS UNKNOWN", "001001"},
        TextForm{"flag IS NOT UNKNOWN", "110110"}, TextForm{"(id > 1) IS TRUE", "011111"},
        TextForm{"id BETWEEN 2 AND 4", "011100"}, TextForm{"id NOT BETWEEN 2 AND 4", "100011"},
        TextForm{"value BETWEEN 2 AND 5", "010100"}, TextForm{"kind LIKE 'X%'", "101000"},
        TextForm{"kind NOT LIKE 'X%'", "010110"}, TextForm{"kind LIKE '_'", "111110"},
        TextForm{"kind ILIKE 'X'", "101010"}, TextForm{"kind NOT ILIKE 'X'", "010100"},
        TextForm{"kind LIKE 'X' ESCAPE '!'", "101000"}, TextForm{"kind SIMILAR TO 'X'", "101000"},
        TextForm{"kind NOT SIMILAR TO 'X'", "010110"}, TextForm{"id IN (1, 3, 99)", "101000"},
        TextForm{"id IN (1, NULL)", "100000"}, TextForm{"id NOT IN (1, 3)", "010111"},
        TextForm{"id NOT IN (1, NULL)", "000000"}, TextForm{"kind IN ('X')", "101000"},
        TextForm{"id IN (\"Mixed Case\", 1)", "111111"}, TextForm{"CAST(id AS VARCHAR) = '3'", "001000"},
        TextForm{"id::text = '3'", "001000"}, TextForm{"CAST(value AS INT) = 2", "010000"},
        TextForm{"TRY_CAST(kind AS INT) IS NULL", "111111"}, TextForm{"kind = 'X' AS wanted", "101000"},
        TextForm{"lower(kind) = 'x'", "101010"}, TextForm{"UPPER(kind) = 'X'", "101010"},
        TextForm{"Length(kind) = 1", "111110"}, TextForm{"starts_with(kind, 'X')", "101000"},
        TextForm{"ends_with(kind, 'y') OR ends_with(kind, 'Y')", "010100"},
        TextForm{"kind = 'X' -- and so on", "101000"}, TextForm{"kind /* which */ = 'X'", "101000"},
        TextForm{"id > 1 AND (kind = 'X' OR (value > 4 AND NOT flag))", "001010"},
        TextForm{"id = +3", "001000"}, TextForm{"id = 3.", "001000"}, TextForm{"value = .5 + 1", "100000"},
        TextForm{"value = 15e-1", "100000"}, TextForm{"'it''s' = 'it''s'", "111111"}));

struct Forbidden {
  const char* sql;
  const char* construct;
};
void PrintTo(const Forbidden& form, std::ostream* out) { *out << form.sql; }
class ForbiddenForm : public testing::TestWithParam<Forbidden> {};
TEST_P(ForbiddenForm, Trg100) {
  const Error error = ErrorOf(GetParam().sql);
  const auto* detail = error.As<PredicateUnsupportedDetail>();
  ASSERT_NE(detail, nullptr) << error.ToString();
  EXPECT_EQ(detail->construct, GetParam().construct);
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
}
INSTANTIATE_TEST_SUITE_P(
    Forms, ForbiddenForm,
    testing::Values(
        Forbidden{"SUM(id) > 0", "the aggregate function 'sum'"},
        Forbidden{"id = 1 AND NOT (count(*) > 0)", "the aggregate function 'count'"},
        Forbidden{"row_number() OVER () = 1", "the window function 'row_number'"},
        Forbidden{"sum(id) OVER (ORDER BY id) > 1", "the window function 'sum'"},
        Forbidden{"(SELECT 1) = 1", "a subquery"}, Forbidden{"EXISTS (SELECT 1)", "a subquery (EXISTS)"},
        Forbidden{"NOT EXISTS (SELECT 1)", "a subquery (EXISTS)"},
        Forbidden{"id IN (SELECT 1)", "a subquery (IN)"},
        Forbidden{"id IN (WITH a AS (SELECT 1) FROM a)", "a subquery (IN)"},
        Forbidden{"CASE WHEN flag THEN TRUE END", "CASE"}, Forbidden{"abs(id) = 1", "the function 'abs'"},
        Forbidden{"read_text('/etc/passwd') = 'a'", "the function 'read_text'"},
        Forbidden{"getenv('HOME') = 'a'", "the function 'getenv'"},
        Forbidden{"now() > '2020-01-01'", "the function 'now'"},
        Forbidden{"current_date > '2020-01-01'", "the function 'current_date'"},
        Forbidden{"regexp_full_match(kind, 'X')", "the function 'regexp_full_match'"},
        Forbidden{"coalesce(flag, TRUE)", "the function 'coalesce'"},
        Forbidden{"id = ANY (1, 2)", "the function 'any'"},
        Forbidden{"kind LIKE ANY ('X')", "the function 'any'"},
        Forbidden{"kind COLLATE nocase = 'x'", "the operator 'COLLATE'"},
        Forbidden{"kind[1] = 'X'", "access by '[...]'"}, Forbidden{"kind -> 'a' = 'X'", "the operator '->'"},
        Forbidden{"kind ->> 'a' = 'X'", "the operator '->>'"}, Forbidden{"[1] = [1]", "lists"},
        Forbidden{"ARRAY[1] = ARRAY[1]", "lists"}, Forbidden{"{'a': 1} = 1", "structs"},
        Forbidden{"(id, 1) = (1, 1)", "a row of several values"},
        Forbidden{"id ** 2 = 4", "the operator '**'"}, Forbidden{"id // 2 = 1", "the operator '//'"},
        Forbidden{"~id = 1", "the operator '~' before an expression"},
        Forbidden{"*", "the operator '*' before an expression"},
        Forbidden{"flag XOR flag", "the operator 'XOR'"}, Forbidden{"kind GLOB 'X*'", "the operator 'GLOB'"},
        Forbidden{"kind NOT GLOB 'X*'", "the operator 'GLOB'"}, Forbidden{"id <=> 1", "the operator '<=>'"},
        Forbidden{"CAST(id AS UUID) = 1", "CAST to 'UUID'"}, Forbidden{"CAST(id AS INT[]) = 1", "lists"},
        Forbidden{"CAST(id AS VARCHAR(3)) = '1'", "CAST to 'VARCHAR' of a given size"},
        Forbidden{"CAST(id AS DATE) = '2020-01-01'", "CAST from BIGINT to DATE"},
        Forbidden{"kind SIMILAR TO 'X' ESCAPE '!'", "ESCAPE after SIMILAR TO"},
        Forbidden{"foo: flag", "the operator ':'"},
        Forbidden{"lower(kind) FILTER (WHERE flag) = 'x'", "FILTER"},
        Forbidden{"x -> x + 1", "the operator '->'"},
        Forbidden{"COLUMNS('id') = 3", "the function 'columns'"},
        Forbidden{"#1 = 2", "the operator '#' before an expression"}));

TEST(Predicate, Trg097OneExpressionAndNothingElse) {
  for (const std::string sql :
       {"flag, id", "flag; DROP TABLE topics", "flag;", "flag FROM t", "flag WHERE id = 1", "flag LIMIT 1",
        "flag UNION SELECT 1", "DISTINCT flag", "ALL flag", "SELECT flag", "flag wanted", "flag AS", "INTO t",
        "kind = 'X' 'Y'", "flag /* no end", "flag) OR (TRUE"}) {
    EXPECT_EQ(Verdict(sql, Events()->schema()), "parse") << sql;
  }
}

TEST(Predicate, Trg097TextThatIsNoText) {
  EXPECT_EQ(PositionOf(std::string("kind = 'a\0b'", 12)), 9);
  EXPECT_EQ(KindOf(ErrorOf("kind = '\xff'")), "parse");
  EXPECT_EQ(KindOf(ErrorOf("\xc3 = 1")), "parse");
}

TEST(Predicate, Trg097LongTextIsRefused) {
  std::string sql = "id = 1";
  while (sql.size() <= size_t{64} * 1024) sql += " OR id = 1";
  EXPECT_THAT(ErrorOf(sql).message(), HasSubstr("65536 are allowed"));
  sql.resize(sql.size() - 20);
  EXPECT_EQ(On(sql), "100000");
}

// Whatever is nested is refused before a stack ends, and chains of AND, OR and IN may be long.
TEST(Predicate, Trg097DeepTextIsRefused) {
  const auto repeat = [](const std::string& part, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) out += part;
    return out;
  };
  for (const std::string& sql :
       {repeat("(", 20'000), repeat("(", 20'000) + "flag" + repeat(")", 20'000),
        repeat("NOT ", 16'000) + "flag", repeat("- ", 20'000) + "id = 1", "id = 1" + repeat(" + 1", 15'000),
        "kind = 'a'" + repeat(" || 'a'", 8'000), repeat("lower(", 10'000),
        "id" + repeat("::int", 12'000) + " = 1", "flag" + repeat(" = flag", 9'000),
        "flag" + repeat(" IS TRUE", 8'000), repeat("CAST(", 10'000)}) {
    EXPECT_EQ(KindOf(ErrorOf(sql)), "parse") << sql.substr(0, 20);
    EXPECT_THAT(ErrorOf(sql).message(), HasSubstr("nested deeper than 100")) << sql.substr(0, 20);
  }
  EXPECT_EQ(On(repeat("(", 90) + "flag" + repeat(")", 90)), "100100");
  EXPECT_EQ(On("id = 1" + repeat(" OR id = 1", 6'000)), "100000");
  EXPECT_EQ(On("id IN (1" + repeat(", 1", 20'000) + ")"), "100000");
}

TEST(Predicate, Trg099LengthCountsCharacters) {
  const auto batch = Batch({{"s", arrow::utf8(), R"(["", "abc", "äöü", "日本", null])"}});
  EXPECT_EQ(Matches("length(s) = 3", batch), "01100");
  EXPECT_EQ(Matches("LENGTH(s) = 2", batch), "00010");
  EXPECT_EQ(Matches("length(s) = 0", batch), "10000");
}

TEST(Predicate, Trg099FunctionsTakeTheirArguments) {
  for (const std::string sql : {"lower() = 'x'", "lower(kind, kind) = 'x'", "starts_with(kind)",
                                "length(id) = 1", "starts_with(kind, 1)", "lower(*) = 'x'"}) {
    EXPECT_NE(Verdict(sql, Events()->schema()), "ok") << sql;
  }
}

TEST(Predicate, Trg101PlaceholdersDoNotCompile) {
  for (const std::string sql : {"id = $1", "id = ?", "id = $name"}) {
    EXPECT_EQ(KindOf(ErrorOf(sql)), "parse") << sql;
    EXPECT_THAT(ErrorOf(sql).message(), HasSubstr("the placeholder")) << sql;
  }
}

TEST(Predicate, Trg102TypesAreCoerced) {
  EXPECT_EQ(On("id = 2.0"), "010000");
  EXPECT_EQ(On("id = '2'"), "010000");
  EXPECT_EQ(On("value > 5"), "000011");
  EXPECT_EQ(On("\"Mixed Case\" = id"), "111111");
  EXPECT_EQ(On("id > value - 1"), "110111");
  EXPECT_EQ(On("flag = 'true'"), "100100");
}

TEST(Predicate, Trg103NullIsNotTrue) {
  EXPECT_EQ(On("value > 0"), "110111");
  EXPECT_EQ(On("NOT value > 0"), "000000");
  EXPECT_EQ(On("value = NULL"), "000000");
  EXPECT_EQ(On("flag OR NULL"), "100100");
  EXPECT_EQ(On("NULL"), "000000");
  EXPECT_EQ(On("NULL AND TRUE"), "000000");
}

TEST(Predicate, Trg103AConstantPassesAllOrNothing) {
  const auto batch = Events();
  for (const std::string sql : {"TRUE", "1 = 1", "'a' LIKE 'a' AND NOT FALSE"}) {
    const auto predicate = Predicate::Compile(sql, batch->schema());
    ASSERT_TRUE(predicate) << sql;
    EXPECT_TRUE(predicate->matches_all());
    EXPECT_EQ(predicate->source_sql(), sql);
    EXPECT_EQ(*predicate->Filter(batch), batch);
  }
  for (const std::string sql : {"FALSE", "1 = 2", "NULL", "NULL = 1"}) {
    const auto predicate = Predicate::Compile(sql, batch->schema());
    ASSERT_TRUE(predicate) << sql;
    EXPECT_FALSE(predicate->matches_all());
    EXPECT_EQ(*predicate->Filter(batch), nullptr);
  }
}

// Better than the reference, which finds it at the first event.
TEST(Predicate, Trg103ANonBooleanResultIsFoundAtCompile) {
  for (const std::string sql : {"id", "kind", "id + 1", "1", "'true'", "length(kind)"}) {
    EXPECT_EQ(KindOf(ErrorOf(sql)), "parse") << sql;
    EXPECT_THAT(ErrorOf(sql).message(), HasSubstr("a predicate is true or false, not a ")) << sql;
  }
}

TEST(Predicate, Trg103ARowThatCannotBeEvaluatedIsAnError) {
  const auto predicate = Predicate::Compile("CAST(kind AS INT) = 1", Events()->schema());
  ASSERT_TRUE(predicate);
  for (int i = 0; i < 3; ++i) {  // and the next call starts afresh
    const auto result = predicate->Filter(Events());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), ErrorCode::kFailedPrecondition);
    EXPECT_EQ(KindOf(result.error()), "eval");
    EXPECT_THAT(result.error().message(), HasSubstr("'X'"));
  }
}

TEST(Predicate, Trg103TheResultIsTheMatchingRowsInOrder) {
  const auto batch = Events();
  const auto filter = [&](const std::string& sql) {
    return *Predicate::Compile(sql, batch->schema())->Filter(batch);
  };
  EXPECT_EQ(filter("id > 0"), batch);
  EXPECT_EQ(filter("id > 9"), nullptr);
  EXPECT_TRUE(filter("id BETWEEN 2 AND 4")->Equals(*batch->Slice(1, 3)));
  const auto odd = filter("id % 2 = 1");
  ASSERT_EQ(odd->num_rows(), 3);
  EXPECT_TRUE(odd->schema()->Equals(*batch->schema()));
  for (int64_t i = 0; i < 3; ++i) EXPECT_TRUE(odd->Slice(i, 1)->Equals(*batch->Slice(i * 2, 1)));
  EXPECT_TRUE(odd->ValidateFull().ok());
}

TEST(Predicate, Trg103ABatchWithoutRowsMatchesOnlyWhatMatchesAll) {
  const auto empty = Events()->Slice(0, 0);
  EXPECT_EQ(*Predicate::Compile("id = 1", empty->schema())->Filter(empty), nullptr);
  EXPECT_EQ(*Predicate::Compile("TRUE", empty->schema())->Filter(empty), empty);
  EXPECT_EQ(*Predicate::MatchAll().Filter(empty), empty);
}

TEST(Predicate, Trg104OnlyPayloadColumnsAreThere) {
  for (const std::string name :
       {"_offset", "_row_idx", "_produced_at", "tenant_id", "rowid", "row_number", "event"}) {
    EXPECT_THAT(ErrorOf(name + " = 1").message(), HasSubstr("there is no column '" + name + "'"));
  }
}

TEST(Predicate, Trg105SourceSqlCompilesToTheSame) {
  const auto batch = Events();
  const auto first = Predicate::Compile("  kind = 'X' AND id > 1 ", batch->schema());
  ASSERT_TRUE(first);
  const auto again = Predicate::Compile(first->source_sql(), batch->schema());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->source_sql(), first->source_sql());
  EXPECT_TRUE((*again->Filter(batch))->Equals(**first->Filter(batch)));
  EXPECT_EQ(Predicate::MatchAll().source_sql(), "");
}

TEST(Predicate, Case10RefusedPredicates) {
  const auto schema = Events()->schema();
  EXPECT_EQ(Verdict("SUM(id) > 0", schema), "unsupported");
  EXPECT_EQ(Verdict("(((", schema), "parse");
  EXPECT_EQ(Verdict("no_such_column = 1", schema), "parse");
}

TEST(Predicate, ABatchOfAnotherSchemaIsRefused) {
  const auto predicate = Predicate::Compile("kind = 'X'", Events()->schema());
  ASSERT_TRUE(predicate);
  const auto other = Batch({{"id", arrow::int64(), "[1]"}, {"kind", arrow::int64(), "[1]"}});
  const auto result = predicate->Filter(other);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(result.error().message(), HasSubstr("column 1 is not 'kind' of type string"));
  EXPECT_FALSE(predicate->Filter(Batch({{"id", arrow::int64(), "[1]"}})));
}

}  // namespace
}  // namespace jammi::predicate
