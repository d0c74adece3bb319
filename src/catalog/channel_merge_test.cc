// Columns of evidence channels beside the rows they are about: rules TRG-126..128, case 40, and random merges
// against what each value must be.
#include "catalog/channel_merge.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <array>

#include "catalog/repo_fixture.h"
#include "support/random.h"

namespace jammi::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using enum ChannelColumnType;
using Arrays = std::vector<std::shared_ptr<arrow::Array>>;
using Batch = std::shared_ptr<arrow::RecordBatch>;

ChannelId MergedId(std::string_view text) { return Ok(ChannelId::Parse(text)); }

template <class Builder, class T>
std::shared_ptr<arrow::Array> ArrayOf(const std::vector<T>& values) {
  Builder builder;
  for (const auto& value : values) EXPECT_TRUE(builder.Append(value).ok());
  return builder.Finish().ValueOrDie();
}

// Values of some type; every third is null.
std::shared_ptr<arrow::Array> Values(ChannelColumnType type, int64_t rows, int64_t seed = 0) {
  const auto builder = arrow::MakeBuilder(ToArrow(type)).ValueOrDie();
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t value = seed * 1000 + row;
    const auto scalar =
        type == kUtf8
            ? arrow::MakeScalar(fmt::format("v{}", value))
            : arrow::MakeScalar(type == kBoolean ? value % 2 : value)->CastTo(ToArrow(type)).ValueOrDie();
    EXPECT_TRUE((row % 3 == 2 ? builder->AppendNull() : builder->AppendScalar(*scalar)).ok());
  }
  return builder->Finish().ValueOrDie();
}

Batch Rows(int64_t rows) {
  const auto schema = arrow::schema({arrow::field("row_id", arrow::int64(), false)},
                                    arrow::key_value_metadata({"who"}, {"somebody"}));
  std::vector<int64_t> ids(static_cast<size_t>(rows));
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int64_t>(i);
  return arrow::RecordBatch::Make(schema, rows, {ArrayOf<arrow::Int64Builder>(ids)});
}

std::vector<std::string> TextsAt(const arrow::Array& lists, int64_t row) {
  const auto& list = static_cast<const arrow::ListArray&>(lists);
  const auto texts = std::static_pointer_cast<arrow::StringArray>(list.value_slice(row));
  std::vector<std::string> out;
  for (int64_t i = 0; i < texts->length(); ++i) out.push_back(texts->GetString(i));
  return out;
}

template <class T>
const ChannelDetail* AssemblyRefusal(const Result<T>& result) {
  if (result || result.error().code() != ErrorCode::kInvalidArgument) return nullptr;
  const auto* detail = result.error().template As<ChannelDetail>();
  return detail != nullptr && detail->fault == ChannelFault::kAssembly ? detail : nullptr;
}

class ChannelMergeTest : public RepoTest {
 protected:
  void SetUp() override {
    Ok(As(kA).Register({.id = MergedId("scored_by"),
                        .priority = 3,
                        .columns = {{"ranker", kUtf8}, {"rank_score", kFloat32}}}));
  }
  Channels As(const Scope& scope) const { return Channels(Access(scope)); }

  // Two rows that vector and scored_by say something about.
  static ChannelMerge TwoRows() {
    return {.participating = {MergedId("scored_by"), MergedId("vector")},
            .retrieved_by = {MergedId("vector")},
            .annotated_by = {MergedId("scored_by"), MergedId("vector")},
            .contributions = {
                {{.channel = MergedId("vector"), .columns = {Values(kFloat32, 2)}},
                 {.channel = MergedId("scored_by"), .columns = {Values(kUtf8, 2), Values(kFloat32, 2)}}}}};
  }
  Result<std::vector<Batch>> Merge(const ChannelMerge& merge, std::vector<Batch> batches = {Rows(2)}) const {
    return As(kA).Merge(batches, merge);
  }
  // The merge is refused as one that cannot be assembled; the message says `why`.
  void ExpectRefused(const ChannelMerge& merge, std::string_view why, std::string_view channel,
                     std::vector<Batch> batches = {Rows(2)}) const {
    const auto refused = Merge(merge, std::move(batches));
    const auto* detail = AssemblyRefusal(refused);
    ASSERT_NE(detail, nullptr) << why;
    EXPECT_EQ(detail->channel, channel);
    EXPECT_THAT(refused.error().message(), HasSubstr(std::string(why)));
  }
};

TEST_P(ChannelMergeTest, Trg126Case40ColumnsInTheOrderOfTheMergedSchema) {
  const auto merge = TwoRows();
  const auto merged = Ok(Merge(merge)).at(0);
  ASSERT_TRUE(merged->ValidateFull().ok());
  EXPECT_THAT(merged->schema()->field_names(),
              ElementsAre("row_id", "retrieved_by", "annotated_by", "similarity", "ranker", "rank_score"));
  const auto lists = arrow::list(arrow::field("item", arrow::utf8(), true));
  for (const int i : {1, 2}) {
    EXPECT_TRUE(merged->schema()->field(i)->type()->Equals(*lists));
    EXPECT_FALSE(merged->schema()->field(i)->nullable());
  }
  for (const int i : {3, 4, 5}) EXPECT_TRUE(merged->schema()->field(i)->nullable());
  EXPECT_TRUE(merged->column(0)->Equals(*Rows(2)->column(0)));
  for (const int64_t row : {0, 1}) {
    EXPECT_THAT(TextsAt(*merged->column(1), row), ElementsAre("vector"));
    EXPECT_THAT(TextsAt(*merged->column(2), row), ElementsAre("scored_by", "vector"));
  }
  EXPECT_TRUE(merged->column(3)->Equals(*merge.contributions[0][0].columns[0]));
  EXPECT_TRUE(merged->column(5)->Equals(*merge.contributions[0][1].columns[1]));
  EXPECT_EQ(merged->schema()->metadata()->Get("who").ValueOrDie(), "somebody");
}

TEST_P(ChannelMergeTest, Trg126Trg128WhoContributesNothingIsNull) {
  auto merge = TwoRows();
  merge.contributions[0].pop_back();
  const auto merged = Ok(Merge(merge)).at(0);
  ASSERT_TRUE(merged->ValidateFull().ok());
  EXPECT_EQ(merged->column(3)->null_count(), 0);
  EXPECT_EQ(merged->column(4)->null_count(), 2);
  EXPECT_EQ(merged->column(5)->null_count(), 2);
}

TEST_P(ChannelMergeTest, NothingAndNobody) {
  EXPECT_TRUE(Ok(Merge({}, {})).empty());
  auto merged = Ok(Merge({.contributions = {{}}}, {Rows(0)})).at(0);
  EXPECT_TRUE(merged->ValidateFull().ok());
  EXPECT_EQ(merged->num_columns(), 3);
  merged = Ok(Merge({.participating = {MergedId("vector")}, .contributions = {{}}}, {Rows(1)})).at(0);
  ASSERT_TRUE(merged->ValidateFull().ok());
  EXPECT_TRUE(TextsAt(*merged->column(1), 0).empty());
}

TEST_P(ChannelMergeTest, Trg127Case40WhatDoesNotFitIsRefused) {
  ExpectRefused(TwoRows(), "does not match", "", {Rows(2), Rows(2)});
  ExpectRefused(TwoRows(), "batch 0 is absent", "", {nullptr});
  ExpectRefused(TwoRows(), "'similarity' has 2 values for 3 rows", "vector", {Rows(3)});

  auto merge = TwoRows();
  merge.participating.push_back(MergedId("no_such"));
  ExpectRefused(merge, "is not registered", "no_such");
  merge = TwoRows();
  merge.participating.push_back(MergedId("vector"));
  ExpectRefused(merge, "participates twice", "vector");
  merge = TwoRows();
  merge.participating.pop_back();
  ExpectRefused(merge, "not in the participating set", "vector");
  merge = TwoRows();
  merge.contributions[0].push_back(merge.contributions[0][0]);
  ExpectRefused(merge, "contributes twice", "vector");
  merge = TwoRows();
  merge.contributions[0][1].columns.pop_back();
  ExpectRefused(merge, "contributes 1 columns, and has 2", "scored_by");
  merge = TwoRows();
  merge.contributions[0][0].columns.push_back(Values(kFloat32, 2));
  ExpectRefused(merge, "contributes 2 columns, and has 1", "vector");
  merge = TwoRows();
  merge.contributions[0][0].columns[0] = Values(kFloat64, 2);
  ExpectRefused(merge, "'similarity' has dtype double, not Float32", "vector");
  merge = TwoRows();
  merge.contributions[0][0].columns[0] = nullptr;
  ExpectRefused(merge, "'similarity' is absent", "vector");
}

// Another's channel is not registered for us, and our own hides the global one.
TEST_P(ChannelMergeTest, Ten024EveryScopeMergesItsOwnChannels) {
  const std::vector<Batch> batches = {Rows(2)};
  EXPECT_NE(AssemblyRefusal(As(kB).Merge(batches, TwoRows())), nullptr);
  Ok(As(kB).Register({.id = MergedId("vector"), .priority = 1, .columns = {{"mine", kUtf8}}}));
  const auto merged =
      Ok(As(kB).Merge(batches, {.participating = {MergedId("vector")}, .contributions = {{}}})).at(0);
  EXPECT_EQ(merged->schema()->field(3)->name(), "mine");
}

// --- Random merges.

struct RandomMerge {
  std::vector<ChannelRecord> channels;  // by priority
  std::vector<Batch> batches;
  ChannelMerge merge;
};

RandomMerge MakeRandomMerge(Random& random) {
  RandomMerge made;
  for (uint64_t i = 0, count = random.Below(5); i < count; ++i) {
    ChannelRecord channel{.id = MergedId(fmt::format("c{}", i)),
                          .priority = static_cast<int32_t>(random.Below(3))};
    for (uint64_t k = 0, columns = random.Below(4); k < columns; ++k) {
      channel.columns.push_back(
          {fmt::format("x{}", random.Below(3)), static_cast<ChannelColumnType>(random.Below(6))});
    }
    made.channels.push_back(channel);
    if (random.Percent(50)) made.merge.retrieved_by.push_back(channel.id);
    if (random.Percent(50)) made.merge.annotated_by.push_back(channel.id);
  }
  SortByPriority(made.channels);
  for (uint64_t i = 0, count = random.Below(4); i < count; ++i) {
    const auto rows = static_cast<int64_t>(random.Below(20));
    made.batches.push_back(Rows(rows));
    auto& contributions = made.merge.contributions.emplace_back();
    for (const auto& channel : made.channels) {
      if (random.Percent(30)) continue;
      Arrays arrays;
      for (const auto& column : channel.columns) {
        arrays.push_back(Values(column.type, rows, static_cast<int64_t>(random.Below(9))));
      }
      // In any order.
      contributions.insert(
          contributions.begin() + static_cast<std::ptrdiff_t>(random.Below(contributions.size() + 1)),
          {.channel = channel.id, .columns = std::move(arrays)});
    }
  }
  return made;
}

// Every column of a merged batch is what it must be.
void ExpectMerged(const RandomMerge& made, size_t index, const arrow::RecordBatch& merged) {
  ASSERT_TRUE(merged.ValidateFull().ok());
  const auto& source = *made.batches[index];
  ASSERT_EQ(merged.num_rows(), source.num_rows());
  EXPECT_TRUE(merged.column(0)->Equals(*source.column(0)));
  for (int64_t row = 0; row < merged.num_rows(); ++row) {
    EXPECT_EQ(TextsAt(*merged.column(1), row).size(), made.merge.retrieved_by.size());
    EXPECT_EQ(TextsAt(*merged.column(2), row).size(), made.merge.annotated_by.size());
  }
  int at = 3;
  for (const auto& channel : made.channels) {
    const auto& given = made.merge.contributions[index];
    const auto found = std::ranges::find(given, channel.id, &ChannelContribution::channel);
    for (size_t k = 0; k < channel.columns.size(); ++k, ++at) {
      const auto& field = *merged.schema()->field(at);
      EXPECT_EQ(field.name(), channel.columns[k].name);
      EXPECT_TRUE(field.nullable() && field.type()->Equals(*ToArrow(channel.columns[k].type)));
      if (found == given.end()) {
        EXPECT_EQ(merged.column(at)->null_count(), merged.num_rows());
      } else {
        EXPECT_TRUE(merged.column(at)->Equals(*found->columns[k]));
      }
    }
  }
  EXPECT_EQ(merged.num_columns(), at);
}

TEST(ChannelMergeProperty, Trg126EveryValueIsWhereItBelongs) {
  const uint64_t seed = FromEnvironment("JAMMI_MERGE_SEED", 126);
  SCOPED_TRACE(Replay("JAMMI_MERGE_SEED", seed));
  Random random(seed);
  for (int round = 0; round < 500; ++round) {
    const auto made = MakeRandomMerge(random);
    const auto merged = Ok(MergeChannels(made.channels, made.batches, made.merge));
    ASSERT_EQ(merged.size(), made.batches.size());
    for (size_t i = 0; i < merged.size(); ++i) ExpectMerged(made, i, *merged[i]);
  }
}

// One thing wrong with the merge; false where there is nothing to do it to.
bool Spoil(Random& random, RandomMerge& made) {
  if (random.Percent(10)) {
    made.merge.contributions.emplace_back();
    return true;
  }
  if (made.batches.empty()) return false;
  const size_t index = random.Below(made.batches.size());
  auto& given = made.merge.contributions[index];
  if (random.Percent(10)) {
    given.push_back({.channel = MergedId("stranger"), .columns = {}});
    return true;
  }
  if (given.empty()) return false;
  auto& contribution = given[random.Below(given.size())];
  auto& arrays = contribution.columns;
  switch (random.Below(4)) {
    case 0:
      given.push_back(ChannelContribution(contribution));
      return true;
    case 1:
      arrays.push_back(Values(kInt32, made.batches[index]->num_rows()));
      return true;
    case 2:
      if (arrays.empty()) return false;
      arrays.back() = arrow::MakeArrayOfNull(arrays.back()->type(), arrays.back()->length() + 1).ValueOrDie();
      return true;
    default:
      if (arrays.empty()) return false;
      arrays.front() = arrow::MakeArrayOfNull(arrow::uint8(), arrays.front()->length()).ValueOrDie();
      return true;
  }
}

TEST(ChannelMergeProperty, Trg127OneThingWrongIsAlwaysRefused) {
  const uint64_t seed = FromEnvironment("JAMMI_MERGE_SEED", 127);
  SCOPED_TRACE(Replay("JAMMI_MERGE_SEED", seed));
  Random random(seed);
  int spoiled = 0;
  for (int round = 0; round < 500; ++round) {
    auto made = MakeRandomMerge(random);
    if (!Spoil(random, made)) continue;
    ++spoiled;
    EXPECT_NE(AssemblyRefusal(MergeChannels(made.channels, made.batches, made.merge)), nullptr) << round;
  }
  EXPECT_GT(spoiled, 200);
}

JAMMI_ON_EVERY_DATABASE(ChannelMergeTest);

}  // namespace
}  // namespace jammi::test
