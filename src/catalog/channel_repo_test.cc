// The registry of evidence channels: rules TRG-113..125, TEN-024, the published cases 34 to 39, tenancy verb
// by verb, bad input and threads.
#include "catalog/channel_repo.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "catalog/changes.h"
#include "catalog/repo_fixture.h"
#include "jammi/channels.h"
#include "support/random.h"

namespace jammi::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using enum ChannelColumnType;

ChannelId Id(std::string_view text) { return Ok(ChannelId::Parse(text)); }

// The detail, if the result was refused with this code and fault.
template <class T>
const ChannelDetail* Refusal(const Result<T>& result, ErrorCode code, ChannelFault fault) {
  if (result || result.error().code() != code) return nullptr;
  const auto* detail = result.error().template As<ChannelDetail>();
  return detail != nullptr && detail->fault == fault ? detail : nullptr;
}

template <class T>
bool IsAbsent(const Result<T>& result, std::string_view id) {
  const auto* detail = Refusal(result, ErrorCode::kNotFound, ChannelFault::kNotRegistered);
  return detail != nullptr && detail->channel == id &&
         result.error().message() == fmt::format("channel '{}': not registered", id);
}

class ChannelsTest : public RepoTest {
 protected:
  Channels As(const Scope& scope) const { return Channels(Access(scope)); }
  ChannelRecord Register(const Scope& scope, std::string_view id, int32_t priority,
                         std::vector<ChannelColumn> columns = {}) const {
    return Ok(As(scope).Register({.id = Id(id), .priority = priority, .columns = std::move(columns)}));
  }
  std::vector<ChannelRecord> ListAll(const Scope& scope, int page_size = 2) const {
    return AllPages([&](const std::string& token) { return As(scope).List(page_size, token); });
  }
  // "<id>" of a global one, "<id>/A" and "<id>/B" of the tenants'.
  std::vector<std::string> Labels(const Scope& scope, int page_size = 2) const {
    std::vector<std::string> labels;
    for (const auto& channel : ListAll(scope, page_size)) {
      const std::string_view owner = channel.owner.is_global() ? "" : channel.owner == kA ? "/A" : "/B";
      labels.push_back(fmt::format("{}{}", channel.id.text(), owner));
    }
    return labels;
  }
  int64_t Changes() {
    return GetInt("SELECT next_offset AS v FROM topic_heads WHERE topic_no = $1", {kChangesTopicNo});
  }
};

// --- What is there from the start.

TEST_P(ChannelsTest, Trg123Case10Case34AFreshCatalogHasThreeGlobalChannels) {
  for (const auto& scope : {kA, kGlobal}) {
    const auto channels = ListAll(scope);
    ASSERT_EQ(channels.size(), 3U);
    EXPECT_EQ(channels[0],
              (ChannelRecord{
                  .id = Id("vector"), .priority = 1, .columns = {{"similarity", kFloat32}}, .revision = 1}));
    EXPECT_EQ(channels[1], (ChannelRecord{.id = Id("inference"),
                                          .priority = 2,
                                          .columns = {{"inference_model", kUtf8},
                                                      {"inference_task", kUtf8},
                                                      {"inference_confidence", kFloat32}},
                                          .revision = 1}));
    EXPECT_EQ(channels[2], (ChannelRecord{.id = Id("bm25"),
                                          .priority = 3,
                                          .columns = {{"bm25_score", kFloat32}, {"bm25_rank", kInt64}},
                                          .revision = 1}));
  }
  Reopen();
  EXPECT_EQ(ListAll(kGlobal).size(), 3U);
}

TEST_P(ChannelsTest, Trg124OptionalChannelsAreRegisteredByTheCaller) {
  for (const auto& spec : {ConformalChannel(), UncertaintyChannel()}) {
    EXPECT_TRUE(IsAbsent(As(kA).Get(spec.id), spec.id.text()));
    EXPECT_EQ(Ok(As(kA).Register(spec)).columns, spec.columns);
  }
  const std::array ids = {UncertaintyChannel().id, ConformalChannel().id};
  const auto schema = Ok(As(kA).MergedSchema(ids));
  EXPECT_THAT(schema->field_names(),
              ElementsAre("prediction_set", "lower", "upper", "alpha", "predicted_mean", "predicted_std",
                          "quantiles", "context_ref"));
}

// --- Registration.

TEST_P(ChannelsTest, Trg113RegistersEveryFieldAndKeepsItOverARestart) {
  const std::vector<ChannelColumn> columns = {{"f", kFloat32}, {"d", kFloat64}, {"a", kInt32},
                                              {"A", kInt64},   {"é b", kUtf8},  {"c", kBoolean}};
  for (const auto& scope : {kA, kGlobal}) {
    for (const int32_t priority :
         {std::numeric_limits<int32_t>::min(), 7, std::numeric_limits<int32_t>::max()}) {
      const auto id = Id(fmt::format("p{}", priority < 0 ? 0 : priority));
      const UnixMicros before = Now();
      const auto stored = Ok(As(scope).Register({.id = id, .priority = priority, .columns = columns}));
      EXPECT_GE(stored.created_at, before);
      EXPECT_LE(stored.created_at, Now());
      const ChannelRecord expected = {.id = id,
                                      .owner = scope,
                                      .priority = priority,
                                      .columns = columns,
                                      .revision = 1,
                                      .created_at = stored.created_at,
                                      .updated_at = stored.created_at};
      EXPECT_EQ(stored, expected);
      Reopen();
      EXPECT_EQ(Ok(As(scope).Get(id)), expected);
    }
  }
  EXPECT_THAT(Register(kA, "without", 1).columns, IsEmpty());
  EXPECT_THAT(Ok(As(kA).Get(Id("without"))).columns, IsEmpty());
}

TEST_P(ChannelsTest, Trg113Case37ASecondRegistrationIsRefusedAndChangesNothing) {
  for (const auto& scope : {kA, kGlobal}) {
    const auto first = Register(scope, "scored_by", 3, {{"ranker", kUtf8}});
    const auto changes = Changes();
    const auto refused =
        As(scope).Register({.id = Id("scored_by"), .priority = 9, .columns = {{"x", kInt32}}});
    const auto* detail = Refusal(refused, ErrorCode::kAlreadyExists, ChannelFault::kAlreadyExists);
    ASSERT_NE(detail, nullptr);
    EXPECT_EQ(detail->channel, "scored_by");
    EXPECT_EQ(refused.error().message(), "channel 'scored_by': already exists");
    EXPECT_EQ(Ok(As(scope).Get(Id("scored_by"))), first);
    EXPECT_EQ(Changes(), changes);
  }
}

// A name twice within one registration used to be called "channel exists", or to be accepted.
TEST_P(ChannelsTest, W24Trg116AColumnTwiceInOneRegistrationIsNamed) {
  for (const auto& scope : {kA, kGlobal}) {
    const auto changes = Changes();
    const auto same = As(scope).Register({.id = Id("twice"), .columns = {{"x", kInt32}, {"x", kInt32}}});
    const auto* detail = Refusal(same, ErrorCode::kAlreadyExists, ChannelFault::kColumnAlreadyDeclared);
    ASSERT_NE(detail, nullptr);
    EXPECT_EQ(detail->column, "x");
    const auto other = As(scope).Register({.id = Id("twice"), .columns = {{"x", kInt32}, {"x", kUtf8}}});
    EXPECT_NE(Refusal(other, ErrorCode::kFailedPrecondition, ChannelFault::kColumnConflict), nullptr);
    EXPECT_TRUE(IsAbsent(As(scope).Get(Id("twice")), "twice"));
    EXPECT_EQ(Changes(), changes);
  }
}

TEST_P(ChannelsTest, Trg114Case38TenantsHaveNamesOfTheirOwn) {
  const auto of_a = Register(kA, "chan_x", 5, {{"a", kInt32}});
  const auto of_b = Register(kB, "chan_x", 6, {{"b", kUtf8}});
  EXPECT_EQ(Ok(As(kA).Get(Id("chan_x"))), of_a);
  EXPECT_EQ(Ok(As(kB).Get(Id("chan_x"))), of_b);
  EXPECT_NE(
      Refusal(As(kB).Register({.id = Id("chan_x")}), ErrorCode::kAlreadyExists, ChannelFault::kAlreadyExists),
      nullptr);
  Register(kA, "private", 9);
  EXPECT_TRUE(IsAbsent(As(kB).Get(Id("private")), "private"));
  EXPECT_TRUE(IsAbsent(As(kB).AddColumns(Id("private"), {{"x", kInt32}}), "private"));
  EXPECT_TRUE(IsAbsent(As(kB).AddColumns(Id("private"), {}), "private"));
  EXPECT_THAT(Ok(As(kA).Get(Id("private"))).columns, IsEmpty());
  EXPECT_THAT(Labels(kB), ElementsAre("vector", "inference", "bm25", "chan_x/B"));
}

// Rows of one name in one scope, however they come: NULL as "global" let them pass (WK-10).
TEST_P(ChannelsTest, Trg115Wk10Case12TheDatabaseRefusesWhatIsNoChannel) {
  Register(kA, "dup", 1, {{"x", kInt32}});
  Register(kB, "dup", 1);
  const auto fault_of = [&](const std::string& sql) {
    const auto result = backend().Transact({}, [&](Transaction& tx) { return tx.Execute(sql); });
    const auto* detail = result ? nullptr : result.error().As<BackendDetail>();
    return detail != nullptr ? std::optional(detail->fault) : std::nullopt;
  };
  const auto channel = [&](std::string_view scope, std::string_view id) {
    return fault_of(
        fmt::format("INSERT INTO evidence_channels (scope, channel, priority, revision, created_at, "
                    "updated_at) VALUES ({}, '{}', 1, 1, 0, 0)",
                    scope, id));
  };
  const auto column = [&](std::string_view id, std::string_view name, std::string_view type, int ordinal) {
    return fault_of(
        fmt::format("INSERT INTO evidence_channel_columns (scope, channel, column_name, column_type, "
                    "ordinal, declared_at) VALUES ('', '{}', '{}', '{}', {}, 0)",
                    id, name, type, ordinal));
  };
  EXPECT_EQ(channel(fmt::format("'{}'", kA.Key()), "dup"), BackendFault::kUnique);
  EXPECT_EQ(channel("''", "vector"), BackendFault::kUnique);
  EXPECT_EQ(channel("NULL", "x"), BackendFault::kCheck);
  EXPECT_EQ(channel("''", ""), BackendFault::kCheck);
  EXPECT_EQ(column("vector", "similarity", "Float32", 1), BackendFault::kUnique);
  EXPECT_EQ(column("vector", "other", "Float32", 0), BackendFault::kUnique);
  EXPECT_EQ(column("vector", "other", "Decimal", 1), BackendFault::kCheck);
  EXPECT_EQ(column("vector", "", "Utf8", 1), BackendFault::kCheck);
  EXPECT_EQ(column("no_such", "other", "Utf8", 0), BackendFault::kForeignKey);
  EXPECT_EQ(fault_of("DELETE FROM evidence_channels WHERE channel = 'dup'"), BackendFault::kForeignKey);
}

// --- More columns.

TEST_P(ChannelsTest, Trg117Case36ColumnsAreAddedAtTheEnd) {
  const auto first = Register(kA, "scored_by", 3, {{"ranker", kUtf8}});
  MoveClock(std::chrono::seconds(1));
  const auto second = Ok(As(kA).AddColumns(Id("scored_by"), {{"rank_score", kFloat32}, {"a", kInt64}}));
  EXPECT_GT(second.updated_at, first.updated_at);
  ChannelRecord expected = first;
  expected.columns = {{"ranker", kUtf8}, {"rank_score", kFloat32}, {"a", kInt64}};
  expected.revision = 2;
  expected.updated_at = second.updated_at;
  EXPECT_EQ(second, expected);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Ok(As(kA).Get(Id("scored_by"))), expected);
  EXPECT_EQ(Ok(As(kA).AddColumns(Id("scored_by"), {})), expected);
  EXPECT_EQ(Changes(), 2);
  EXPECT_EQ(GetInt("SELECT COUNT(*) AS v FROM events WHERE scope = $1", {kA.Key()}), 2);
}

// What came before the refused column used to be committed.
TEST_P(ChannelsTest, W24Trg118Case37ARefusedColumnKeepsTheOthersOut) {
  const auto before = Register(kA, "scored_by", 3, {{"ranker", kUtf8}});
  const auto changes = Changes();
  const auto same = As(kA).AddColumns(Id("scored_by"), {{"new", kInt32}, {"ranker", kUtf8}});
  const auto* detail = Refusal(same, ErrorCode::kAlreadyExists, ChannelFault::kColumnAlreadyDeclared);
  ASSERT_NE(detail, nullptr);
  EXPECT_EQ(detail->channel, "scored_by");
  EXPECT_EQ(detail->column, "ranker");
  EXPECT_EQ(detail->existing, "Utf8");
  EXPECT_EQ(same.error().message(), "channel 'scored_by': column 'ranker' already declared");

  const auto other = As(kA).AddColumns(Id("scored_by"), {{"new", kInt32}, {"ranker", kInt32}});
  detail = Refusal(other, ErrorCode::kFailedPrecondition, ChannelFault::kColumnConflict);
  ASSERT_NE(detail, nullptr);
  EXPECT_EQ(detail->existing, "Utf8");
  EXPECT_EQ(detail->requested, "Int32");
  EXPECT_EQ(other.error().message(),
            "channel 'scored_by': column 'ranker' was declared Utf8, cannot redeclare as Int32");

  const auto twice = As(kA).AddColumns(Id("scored_by"), {{"new", kInt32}, {"new", kInt32}});
  EXPECT_NE(Refusal(twice, ErrorCode::kAlreadyExists, ChannelFault::kColumnAlreadyDeclared), nullptr);
  EXPECT_EQ(Ok(As(kA).Get(Id("scored_by"))), before);
  EXPECT_EQ(Changes(), changes);
}

TEST_P(ChannelsTest, Trg117Ten024ATenantExtendsNoGlobalChannel) {
  const auto vector = Ok(As(kGlobal).Get(Id("vector")));
  EXPECT_TRUE(IsAbsent(As(kA).AddColumns(Id("vector"), {{"x", kInt32}}), "vector"));
  EXPECT_TRUE(IsAbsent(As(kA).AddColumns(Id("vector"), {}), "vector"));
  EXPECT_TRUE(IsAbsent(As(kGlobal).AddColumns(Id("no_such"), {{"x", kInt32}}), "no_such"));
  EXPECT_EQ(Ok(As(kGlobal).Get(Id("vector"))), vector);
  Register(kA, "vector", 8, {{"mine", kUtf8}});
  Ok(As(kA).AddColumns(Id("vector"), {{"x", kInt32}}));
  EXPECT_EQ(Ok(As(kGlobal).Get(Id("vector"))), vector);
  EXPECT_EQ(Ok(As(kGlobal).AddColumns(Id("vector"), {{"y", kInt32}})).columns.size(), 2U);
}

// --- Reading.

TEST_P(ChannelsTest, Trg120Ten024AnOwnChannelHidesTheGlobalOneWithItsColumns) {
  Register(kA, "bm25", -1);
  const auto own = Ok(As(kA).Get(Id("bm25")));
  EXPECT_EQ(own.owner, kA);
  EXPECT_THAT(own.columns, IsEmpty());
  EXPECT_EQ(Ok(As(kB).Get(Id("bm25"))).columns.size(), 2U);
  EXPECT_EQ(Ok(As(kGlobal).Get(Id("bm25"))).columns.size(), 2U);
  EXPECT_TRUE(IsAbsent(As(kOutsider).Get(Id("no_such")), "no_such"));
}

TEST_P(ChannelsTest, Trg121Ten024ListsByPriorityAndNameWithoutWhatIsHidden) {
  Register(kA, "inference", 0, {{"x", kInt32}});
  Register(kA, "zz", 1);
  Register(kA, "aa", 1, {{"x", kInt32}, {"y", kUtf8}});
  Register(kB, "bb", 2);
  Register(kGlobal, "gg", 1);
  for (const int size : {1, 2, 3, 1000}) {
    EXPECT_THAT(Labels(kA, size), ElementsAre("inference/A", "aa/A", "gg", "vector", "zz/A", "bm25")) << size;
    EXPECT_THAT(Labels(kB, size), ElementsAre("gg", "vector", "bb/B", "inference", "bm25")) << size;
    EXPECT_THAT(Labels(kOutsider, size), ElementsAre("gg", "vector", "inference", "bm25")) << size;
    EXPECT_THAT(Labels(kGlobal, size), ElementsAre("gg", "vector", "inference", "bm25")) << size;
  }
  for (const auto& channel : ListAll(kA)) EXPECT_EQ(channel, Ok(As(kA).Get(channel.id)));
}

TEST_P(ChannelsTest, Trg122StoredTextThatIsNoNameIsDataLoss) {
  Register(kA, "good", 1);
  Sql("UPDATE evidence_channels SET channel = 'Bad' WHERE channel = 'good'");
  const auto listed = As(kA).List();
  ASSERT_EQ(CodeOf(listed), ErrorCode::kDataLoss);
  EXPECT_NE(listed.error().As<BackendDetail>(), nullptr);
}

TEST_P(ChannelsTest, Trg125Case35TheMergedSchemaIsOrderedByPriority) {
  Register(kA, "scored_by", 3, {{"ranker", kUtf8}, {"rank_score", kFloat32}});
  const auto names = [&](const std::vector<ChannelId>& ids) {
    return Ok(As(kA).MergedSchema(ids))->field_names();
  };
  const auto schema = Ok(As(kA).MergedSchema(std::array{Id("vector"), Id("scored_by")}));
  EXPECT_TRUE(schema->Equals(
      *arrow::schema({arrow::field("similarity", arrow::float32()), arrow::field("ranker", arrow::utf8()),
                      arrow::field("rank_score", arrow::float32())})));
  EXPECT_EQ(names({Id("inference"), Id("vector")}).front(), "similarity");
  // At equal priority the order of the arguments.
  EXPECT_EQ(names({Id("bm25"), Id("scored_by")}).front(), "bm25_score");
  EXPECT_EQ(names({Id("scored_by"), Id("bm25")}).front(), "ranker");
  EXPECT_THAT(names({}), IsEmpty());
  EXPECT_THAT(names({Id("vector"), Id("vector")}), ElementsAre("similarity", "similarity"));
  EXPECT_TRUE(IsAbsent(As(kA).MergedSchema(std::array{Id("vector"), Id("no_such")}), "no_such"));
  EXPECT_TRUE(IsAbsent(As(kB).MergedSchema(std::array{Id("scored_by")}), "scored_by"));
}

// --- Names, types and bad input.

TEST(ChannelIdTest, Case39AcceptsAndRefuses) {
  for (const std::string& good :
       {std::string("scored_by"), std::string("rank2_score"), std::string("a"), "a" + std::string(63, '_')}) {
    EXPECT_EQ(Id(good).text(), good);
  }
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"", "must not be empty"},
      {"Vector", "must start with a lowercase ASCII letter"},
      {"1vector", "must start with a lowercase ASCII letter"},
      {"_x", "must start with a lowercase ASCII letter"},
      {"é", "must start with a lowercase ASCII letter"},
      {"vector-1", "must be [a-z0-9_]"},
      {"vector ", "must be [a-z0-9_]"},
      {std::string("a\0", 2), "must be [a-z0-9_]"},
      {std::string(65, 'a'), "must be at most 64 characters"}};
  for (const auto& [text, reason] : bad) {
    const auto refused = ChannelId::Parse(text);
    const auto* detail = Refusal(refused, ErrorCode::kInvalidArgument, ChannelFault::kInvalidId);
    ASSERT_NE(detail, nullptr) << text;
    EXPECT_EQ(detail->channel, text);
    EXPECT_EQ(refused.error().message(), fmt::format("invalid channel id '{}': {}", text, reason));
  }
}

TEST(ChannelColumnTypeTest, Case39TextsAndArrowTypes) {
  for (const auto type : {kFloat32, kFloat64, kInt32, kInt64, kUtf8, kBoolean}) {
    EXPECT_EQ(Ok(ParseChannelColumnType(ToString(type))), type);
    EXPECT_EQ(Ok(FromArrow(*ToArrow(type))), type);
  }
  for (const std::string text : {"", "Decimal", "float32", "UNSPECIFIED"}) {
    const auto refused = ParseChannelColumnType(text);
    const auto* detail = Refusal(refused, ErrorCode::kInvalidArgument, ChannelFault::kInvalidColumnType);
    ASSERT_NE(detail, nullptr);
    EXPECT_EQ(detail->requested, text);
    EXPECT_EQ(refused.error().message(), fmt::format("unknown channel column type: '{}'", text));
  }
  for (const auto& type : {arrow::uint16(), arrow::large_utf8(), arrow::list(arrow::utf8())}) {
    EXPECT_NE(Refusal(FromArrow(*type), ErrorCode::kInvalidArgument, ChannelFault::kInvalidColumnType),
              nullptr);
  }
}

TEST_P(ChannelsTest, BadArgumentsAreRefusedByName) {
  Register(kA, "good", 1);
  const auto expect_bad = [&](std::vector<ChannelColumn> columns) {
    EXPECT_EQ(CodeOf(As(kA).Register({.id = Id("bad"), .columns = columns})), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(As(kA).AddColumns(Id("good"), columns)), ErrorCode::kInvalidArgument);
  };
  expect_bad({{"", kInt32}});
  expect_bad({{"ok", kInt32}, {std::string(257, 'n'), kInt32}});
  expect_bad({{std::string("a\0b", 3), kInt32}});
  expect_bad({{"\xff", kInt32}});
  expect_bad({{"x", static_cast<ChannelColumnType>(6)}});
  std::vector<ChannelColumn> many;
  for (size_t i = 0; i <= Channels::kMaxColumns; ++i) many.push_back({fmt::format("c{}", i), kInt32});
  expect_bad(many);
  EXPECT_TRUE(IsAbsent(As(kA).Get(Id("bad")), "bad"));
  many.pop_back();
  EXPECT_EQ(Ok(As(kA).AddColumns(Id("good"), many)).columns, many);
  const auto full = As(kA).AddColumns(Id("good"), {{"one_more", kInt32}});
  EXPECT_EQ(CodeOf(full), ErrorCode::kFailedPrecondition);
  EXPECT_THAT(full.error().message(), HasSubstr("257 columns"));
  EXPECT_EQ(Ok(As(kA).Get(Id("good"))).revision, 2);
}

TEST_P(ChannelsTest, PagesThatAreNone) {
  const auto token = Ok(As(kA).List(1)).next_page_token;
  for (const int size : {0, -1, kMaxPageSize + 1}) {
    EXPECT_EQ(CodeOf(As(kA).List(size)), ErrorCode::kInvalidArgument);
  }
  for (const std::string& bad : {std::string("x"), token + "0", token.substr(1)}) {
    EXPECT_EQ(CodeOf(As(kA).List(10, bad)), ErrorCode::kInvalidArgument) << bad;
  }
}

TEST_P(ChannelsTest, NoChangeBeginsAfterItsDeadline) {
  auto channels = As(kA).WithDeadline(Deadline::Now());
  EXPECT_EQ(CodeOf(channels.Register({.id = Id("late")})), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(CodeOf(channels.AddColumns(Id("late"), {{"x", kInt32}})), ErrorCode::kDeadlineExceeded);
  EXPECT_TRUE(IsAbsent(As(kA).Get(Id("late")), "late"));
}

// --- Threads.

// Two who appended at the same time could give one ordinal twice (W-24).
TEST_P(ChannelsTest, W24ColumnsOfManyWhoAddAreAllThereAndEachCallsTogether) {
  Register(kGlobal, "busy", 1);
  constexpr int kThreads = 6;
  constexpr int kCalls = 6;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (int call = 0; call < kCalls; ++call) {
          const auto name = fmt::format("t{}_{}", thread, call);
          const auto added =
              As(kGlobal).AddColumns(Id("busy"), {{name + "_a", kInt32}, {name + "_b", kUtf8}});
          EXPECT_TRUE(added) << added.error().ToString();
        }
      });
    }
  }
  const auto channel = Ok(As(kGlobal).Get(Id("busy")));
  EXPECT_EQ(channel.revision, 1 + kThreads * kCalls);
  ASSERT_EQ(channel.columns.size(), size_t{2 * kThreads * kCalls});
  std::set<std::string> names;
  for (size_t i = 0; i < channel.columns.size(); i += 2) {
    auto name = channel.columns[i].name;
    EXPECT_TRUE(names.insert(name).second) << name;
    name.back() = 'b';
    EXPECT_EQ(channel.columns[i + 1].name, name);
  }
}

TEST_P(ChannelsTest, OfManyWhoRegisterOneNameOneWins) {
  std::atomic<int> won = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 8; ++thread) {
      threads.emplace_back([&, thread] {
        const auto mine =
            As(kA).Register({.id = Id("one"), .columns = {{fmt::format("c{}", thread), kInt32}}});
        if (mine) ++won;
        EXPECT_TRUE(mine || mine.error().code() == ErrorCode::kAlreadyExists) << mine.error().ToString();
      });
    }
  }
  EXPECT_EQ(won, 1);
  EXPECT_EQ(Ok(As(kA).Get(Id("one"))).columns.size(), 1U);
  EXPECT_EQ(Changes(), 1);
}

// --- Random work of three scopes, watched by an outsider, against a map.

TEST_P(ChannelsTest, RandomWorkEqualsTheModel) {
  const uint64_t seed = FromEnvironment("JAMMI_CHANNELS_SEED", 24);
  SCOPED_TRACE(Replay("JAMMI_CHANNELS_SEED", seed));
  Random random(seed);
  std::map<std::pair<Scope, std::string>, ChannelRecord> model;
  for (auto& channel : ListAll(kGlobal)) model.emplace(std::pair(kGlobal, channel.id.text()), channel);
  const auto some_columns = [&] {
    std::vector<ChannelColumn> columns;
    for (auto left = random.Below(3); left > 0; --left) {
      columns.push_back({fmt::format("c{}", random.Below(8)), random.Percent(80) ? kInt32 : kUtf8});
    }
    return columns;
  };
  const auto fits = [](std::vector<ChannelColumn> declared, const std::vector<ChannelColumn>& more) {
    for (const auto& column : more) {
      if (std::ranges::find(declared, column.name, &ChannelColumn::name) != declared.end()) return false;
      declared.push_back(column);
    }
    return true;
  };
  for (int step = 0; step < 200; ++step) {
    const Scope scope = std::array{kA, kB, kGlobal}[random.Below(3)];
    const std::string id = std::array{"vector", "bm25", "c", "d", "e"}[random.Below(5)];
    const auto columns = some_columns();
    const auto own = model.find({scope, id});
    if (random.Percent(30)) {
      const auto priority = static_cast<int32_t>(random.Below(4));
      const auto stored = As(scope).Register({.id = Id(id), .priority = priority, .columns = columns});
      ASSERT_EQ(stored.has_value(), own == model.end() && fits({}, columns)) << step;
      if (stored) model.emplace(std::pair(scope, id), *stored);
    } else {
      const auto stored = As(scope).AddColumns(Id(id), columns);
      ASSERT_EQ(stored.has_value(), own != model.end() && fits(own->second.columns, columns)) << step;
      if (stored) {
        auto expected = own->second;
        expected.columns.insert(expected.columns.end(), columns.begin(), columns.end());
        ASSERT_EQ(stored->columns, expected.columns) << step;
        own->second = *stored;
      }
    }
  }
  for (const auto& reader : {kA, kB, kGlobal, kOutsider}) {
    std::map<std::string, ChannelRecord> visible;
    for (const Scope& owner : {reader, kGlobal}) {
      for (const auto& [key, channel] : model) {
        if (key.first == owner) visible.emplace(key.second, channel);
      }
    }
    const auto listed = ListAll(reader, 2);
    EXPECT_EQ(listed.size(), visible.size());
    for (const auto& channel : listed) {
      const auto expected = visible.find(channel.id.text());
      ASSERT_NE(expected, visible.end());
      EXPECT_EQ(channel, expected->second);
      EXPECT_EQ(Ok(As(reader).Get(channel.id)), channel);
    }
  }
}

JAMMI_ON_EVERY_DATABASE(ChannelsTest);

}  // namespace
}  // namespace jammi::test
