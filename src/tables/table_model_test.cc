// Tables of random schemas, written and read by several tenants and nobody in particular, on every database
// and in memory: the same calls, the same answers. Some have a change topic, whose events must make the same
// rows again.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>
#include <string_view>

#include "catalog/proof/steps.h"
#include "tables/proof/changes.h"
#include "tables/read_fixture.h"
#include "tables/transactor.h"

namespace jammi::proof {
namespace {

using test::BatchPtr;
using test::kA;
using test::kB;
using test::kGlobal;
using test::kOutsider;
using test::MakeBatch;
using test::Ok;

constexpr StepNames kNames = {"JAMMI_TABLES_SEED", "JAMMI_TABLES_SEEDS", "JAMMI_TABLES_STEPS"};

// The tables of one database.
class StoredTables {
 public:
  explicit StoredTables(test::MakeHarness make) : harness_(make()) { Reopen(); }

  void Reopen() {
    store_.reset();
    streams_.reset();
    catalog_.reset();
    catalog_ = Ok(harness_->Open());
    const StreamsOptions options;
    streams_ = Ok(Streams::Open(*catalog_, options, nullptr));
    store_ = std::make_shared<TableStore>(catalog_->backend(), streams_.get());
  }
  [[nodiscard]] Tables As(const Scope& scope) const { return {store_, scope}; }
  [[nodiscard]] Streams& streams() const { return *streams_; }
  Result<TransactOutcome> Transact(const Scope& scope, const TransactBody& body) {
    return Transactor(*store_, *streams_).Run(scope, body, {});
  }

 private:
  std::unique_ptr<test::Harness> harness_;
  std::shared_ptr<Catalog> catalog_;
  std::unique_ptr<Streams> streams_;
  std::shared_ptr<TableStore> store_;
};

std::shared_ptr<arrow::Schema> SchemaOf(const TableDefinition& table,
                                        const std::vector<std::string>& columns) {
  arrow::FieldVector fields;
  for (const auto& column : columns) fields.push_back(table.schema->GetFieldByName(column));
  return columns.empty() ? table.schema : arrow::schema(fields);
}

BatchPtr BatchOf(const MapTable& table, const std::vector<std::string>& columns,
                 const std::vector<MapTable::Row>& rows) {
  const auto schema = SchemaOf(table.definition(), columns);
  test::Rows cells;
  for (const auto& row : rows) {
    for (arrow::ScalarVector& one = cells.emplace_back(); const auto& field : schema->fields())
      one.push_back(row.cells[table.PlaceOf(field->name())]);
  }
  return MakeBatch(schema, cells);
}

BatchPtr Joined(const std::shared_ptr<arrow::Schema>& schema, const std::vector<BatchPtr>& batches) {
  return arrow::Table::FromRecordBatches(schema, batches).ValueOrDie()->CombineChunksToBatch().ValueOrDie();
}

// One row a line; for rows without an order.
std::multiset<std::string> Lines(const BatchPtr& batch) {
  std::multiset<std::string> lines;
  for (int64_t row = 0; row < batch->num_rows(); ++row) {
    std::string line;
    for (const auto& column : batch->columns())
      line += column->GetScalar(row).ValueOrDie()->ToString() + " | ";
    lines.insert(line);
  }
  return lines;
}

// Makes the rows of one scope again from what the change topic of a table says.
class Follower {
 public:
  Follower(const TableDefinition& definition, TopicId topic)
      : topic_(topic), rows_(WithoutIndexes(definition)) {}

  // Whoever publishes sees what he has published.
  void CatchUp(Streams& streams, const Scope& scope) {
    while (true) {
      const EventPage page = Ok(streams.Read(scope, TopicRef(topic_), from_));
      for (const Delivery& delivery : page.deliveries) {
        if (delivery.tenant == scope.tenant()) Take(scope, *delivery.batch);
      }
      from_ = From::Position(page.next);
      if (page.at_head) return;
    }
  }
  [[nodiscard]] std::vector<MapTable::Row> Rows(const Scope& scope) const { return rows_.Own(scope); }

 private:
  static TableDefinition WithoutIndexes(TableDefinition definition) {
    definition.indexes.clear();  // rows of one event are in no order that a unique index would do with
    return definition;
  }

  void Take(const Scope& scope, const arrow::RecordBatch& event) {
    const auto scalar = [&](int column, int64_t row) { return *event.column(column)->GetScalar(row); };
    for (int64_t row = 0; row < event.num_rows(); ++row) {
      const std::string change = scalar(0, row)->ToString();
      arrow::ScalarVector cells;
      for (int i = 1; i < event.num_columns(); ++i) cells.push_back(scalar(i, row));
      if (change == "delete") {
        arrow::ScalarVector key;
        for (const auto& column : rows_.definition().primary_key) key.push_back(cells[rows_.PlaceOf(column)]);
        EXPECT_EQ(rows_.Delete(scope, {key}), 1);
      } else if (change == "insert") {
        EXPECT_TRUE(rows_.Append(scope, {cells}));
      } else {
        EXPECT_THAT(change, testing::AnyOf("upsert", "update"));
        EXPECT_EQ(rows_.Upsert(scope, {cells}, UpsertMode::kUpdate), 1);
      }
    }
  }

  TopicId topic_;
  From from_ = From::Offset(0);
  MapTable rows_;
};

// The change topic of one table, on each database.
struct Feed {
  std::vector<TopicId> topics;
  std::map<std::pair<size_t, Scope>, Follower> followers = {};  // by database
};

// The model and the databases, in step.
class Lockstep {
 public:
  explicit Lockstep(uint64_t seed) : random_(seed) {
    for (const test::MakeHarness make : test::AllHarnesses())
      databases_.push_back(std::make_unique<StoredTables>(make));
    for (const auto& database : databases_)
      news_topics_.push_back(Ok(database->streams().RegisterTopic(kGlobal, "news", news_->schema())).id);
  }

  void Step() {
    const auto& verb = verbs_[random_.Below(verbs_.size())];
    scope_ = callers_[random_.Below(callers_.size())];
    DrawTable draw(random_.Next());
    SCOPED_TRACE(fmt::format("{} as '{}'", verb.name, scope_.Key()));
    if (verb.call(draw)) ++succeeded_[verb.name];
    if (random_.Below(50) == 0) CompareAll();
    for (const auto& database : databases_) {
      if (random_.Below(400) == 0) database->Reopen();
    }
  }

  // Verbs that have never succeeded.
  [[nodiscard]] std::vector<std::string_view> Unseen() const {
    std::vector<std::string_view> unseen;
    for (const auto& verb : verbs_) {
      if (!succeeded_.contains(verb.name)) unseen.push_back(verb.name);
    }
    return unseen;
  }

 private:
  struct Verb {
    std::string_view name;
    std::function<bool(DrawTable&)> call;  // true: it succeeded
  };

  // Calls each database, and expects of each success, or the error.
  template <class Call>
  bool Expect(std::optional<ErrorCode> error, Call call) {
    for (const auto& database : databases_) {
      const auto answer = call(database->As(scope_));
      EXPECT_EQ(test::CodeOf(answer), error) << (answer ? "" : answer.error().ToString());
    }
    return !error;
  }

  // Topics for the changes of a table, if their rows can be in events.
  std::optional<Feed> MakeFeed(const TableDefinition& definition) {
    Feed feed;
    const std::string name = fmt::format("changes_{}", ++feed_count_);
    for (const auto& database : databases_) {
      const auto topic = database->streams().RegisterTopic(scope_, name, ChangeFeedSchema(definition));
      if (topic) {
        feed.topics.push_back(topic->id);
      } else {
        EXPECT_NE(topic.error().As<UnsupportedSchemaTypeDetail>(), nullptr) << topic.error().ToString();
      }
    }
    if (feed.topics.size() == databases_.size()) return feed;
    EXPECT_THAT(feed.topics, testing::IsEmpty());
    return std::nullopt;
  }

  bool Create(DrawTable& draw) {
    TableDefinition definition = draw.Definition();
    const std::optional<Feed> feed = draw.Percent(40) ? MakeFeed(definition) : std::nullopt;
    const bool created = map_.Create(scope_, definition);
    if (created && feed) feeds_.insert_or_assign({scope_.Key(), definition.id}, *feed);
    size_t database = 0;
    return Expect(created ? std::nullopt : std::optional(ErrorCode::kAlreadyExists), [&](Tables tables) {
      if (feed) definition.change_topic = feed->topics[database++];
      return tables.Create(definition);
    });
  }

  bool Drop(DrawTable& draw) {
    const std::string id = draw.Id();
    const bool dropped = map_.Drop(scope_, id);
    if (dropped) feeds_.erase({scope_.Key(), id});
    return Expect(dropped ? std::nullopt : std::optional(ErrorCode::kNotFound),
                  [&](Tables tables) { return tables.Drop(id); });
  }

  // The table that the caller means; null: there is none, which every database must say too.
  MapTable* Find(const std::string& id) {
    MapTable* table = map_.Find(scope_, id);
    if (table == nullptr)
      Expect(ErrorCode::kNotFound, [&](const Tables& tables) { return tables.CountRows(id); });
    return table;
  }

  // What the scope sees of a table, and what its change topic says of the scope's rows.
  void Compare(const Scope& scope, const std::string& id) {
    const MapTable* table = map_.Find(scope, id);
    if (table == nullptr) return;
    SCOPED_TRACE(fmt::format("table '{}' as '{}'", id, scope.Key()));
    const BatchPtr expected = BatchOf(*table, {}, table->Scan(scope, {}));
    auto feed = feeds_.find({scope.Key(), id});
    if (feed == feeds_.end() && map_.Find(kGlobal, id) == table) feed = feeds_.find({std::string(), id});
    for (size_t i = 0; i < databases_.size(); ++i) {
      EXPECT_TRUE(
          test::SameRows(Ok(ReadAll(databases_[i]->As(scope), id, {}, false, expected->schema())), expected));
      if (feed == feeds_.end()) continue;
      auto& [topics, followers] = feed->second;
      Follower& follower = followers.try_emplace({i, scope}, table->definition(), topics[i]).first->second;
      follower.CatchUp(databases_[i]->streams(), scope);
      EXPECT_TRUE(
          test::SameRows(BatchOf(*table, {}, follower.Rows(scope)), BatchOf(*table, {}, table->Own(scope))));
    }
  }

  void CompareAll() {
    for (const Scope& scope : {kA, kB, kGlobal, kOutsider}) {
      for (const char* id : {"a", "b", "c"}) Compare(scope, id);
    }
    for (size_t i = 0; i < databases_.size(); ++i) {
      EXPECT_EQ(Ok(databases_[i]->streams().StatsOf(kGlobal, news_topics_[i])).events, news_count_);
    }
  }

  // The count, or that it was refused because rows would collide.
  static void ExpectCount(const Result<int64_t>& answer, const std::optional<int64_t>& rows) {
    if (rows) {
      EXPECT_EQ(Ok(answer), *rows);
    } else {
      EXPECT_NE(test::Refusal(answer, ErrorCode::kAlreadyExists, TableFault::kDuplicateKey), nullptr)
          << (answer ? std::to_string(*answer) : answer.error().ToString());
    }
  }

  bool Write(DrawTable& draw, WriteVerb verb) {
    const std::string id = draw.Id();
    MapTable* table = Find(id);
    if (table == nullptr) return false;
    const Change change = DrawChange(draw, verb, id, *table);
    const auto rows = Apply(*table, scope_, change);
    for (const auto& database : databases_) {
      Tables tables = database->As(scope_);
      ExpectCount(Apply(tables, change), rows);
    }
    Compare(scope_, id);
    return rows.value_or(0) > 0;
  }

  // Some of them, and publishes; all of it or nothing.
  bool Transact(DrawTable& draw) {
    struct Part {
      std::optional<Change> change;  // none: a publish
      std::optional<int64_t> rows;
    };
    MapTables after = map_;
    std::vector<Part> parts;
    uint64_t published = 0;
    std::optional<ErrorCode> error;
    while (!error && (parts.empty() || draw.Percent(75))) {
      const std::string id = draw.Id();
      MapTable* table = after.Find(scope_, id);
      if (table == nullptr || draw.Percent(25)) {
        parts.push_back({});
        ++published;
        continue;
      }
      const Change change = DrawChange(draw, kWriteVerbs[draw.Below(std::size(kWriteVerbs))], id, *table);
      parts.push_back({change, Apply(*table, scope_, change)});
      if (!parts.back().rows) error = ErrorCode::kAlreadyExists;
    }
    const bool goes_on = draw.Percent(50);  // although a verb has failed
    if (!error && draw.Percent(15)) error = ErrorCode::kCancelled;
    for (size_t i = 0; i < databases_.size(); ++i) {
      const auto outcome = databases_[i]->Transact(scope_, [&](Tx& tx) -> Result<void> {
        for (const Part& part : parts) {
          if (!part.change) {
            JAMMI_TRY(tx.Publish(news_topics_[i], news_));
            continue;
          }
          const auto answer = Apply(tx, *part.change);
          if (!answer && answer.error().As<TableDetail>() == nullptr) return answer.error();  // run again
          ExpectCount(answer, part.rows);
          if (!answer && !goes_on) return answer.error();
        }
        if (error == ErrorCode::kCancelled) return Error(ErrorCode::kCancelled, "changed my mind");
        return {};
      });
      EXPECT_EQ(test::CodeOf(outcome), error) << (outcome ? "" : outcome.error().ToString());
      if (!outcome) continue;
      EXPECT_EQ(outcome->published.size(), published);
      for (size_t n = 0; n < outcome->published.size(); ++n)
        EXPECT_EQ(outcome->published[n].offset.value, news_count_ + n);
    }
    if (!error) {
      map_ = std::move(after);
      news_count_ += published;
    }
    for (const char* id : {"a", "b", "c"}) Compare(scope_, id);
    return !error && published < parts.size();
  }

  // All pages of a scan in one batch; the first that is no answer.
  static Result<BatchPtr> ReadAll(const Tables& tables, const std::string& id, TableScan scan, bool in_pages,
                                  const std::shared_ptr<arrow::Schema>& schema) {
    std::vector<BatchPtr> batches;
    do {
      if (in_pages) {
        JAMMI_ASSIGN(const TablePage page, tables.ReadPage(id, scan));
        EXPECT_LE(page.rows->num_rows(), scan.limit.value_or(kDefaultTablePageRows));
        batches.push_back(page.rows);
        scan.page_token = page.next_page_token;
      } else {
        JAMMI_ASSIGN(const TableScanEnd end,
                     tables.Scan(id, scan, [&](const BatchPtr& batch) -> Result<bool> {
                       EXPECT_GT(batch->num_rows(), 0);
                       batches.push_back(batch);
                       return true;
                     }));
        scan.page_token = end.next_page_token;
      }
    } while (!scan.page_token.empty());
    return Joined(schema, batches);
  }

  bool Scan(DrawTable& draw) {
    const std::string id = draw.Id();
    const MapTable* table = Find(id);
    if (table == nullptr) return false;
    TableScan scan = draw.Scan(table->definition());
    const bool ordered_by_column =
        scan.order == TableOrder::kOrderColumn || scan.order == TableOrder::kOrderColumnDescending;
    if (ordered_by_column && !table->definition().order_column) {
      return Expect(ErrorCode::kInvalidArgument,
                    [&](const Tables& tables) { return tables.ReadPage(id, scan); });
    }
    if (scan.order == TableOrder::kNone) scan.limit.reset();  // it does not say which rows
    const bool in_pages = draw.Percent(50) && scan.order != TableOrder::kNone;
    const auto rows = table->Scan(scope_, scan);
    const BatchPtr expected = BatchOf(*table, scan.columns, rows);
    for (const auto& database : databases_) {
      const Tables tables = database->As(scope_);
      const BatchPtr actual = Ok(ReadAll(tables, id, scan, in_pages, expected->schema()));
      if (scan.order == TableOrder::kNone) {
        EXPECT_EQ(Lines(actual), Lines(expected));
      } else {
        EXPECT_TRUE(test::SameRows(actual, expected));
      }
      EXPECT_EQ(Ok(tables.CountRows(id, scan.filter)), static_cast<int64_t>(rows.size()));
    }
    return !rows.empty();
  }

  bool Replay(DrawTable& draw) {
    const std::string id = draw.Id();
    const MapTable* table = Find(id);
    if (table == nullptr || !table->definition().order_column) return false;
    const std::string& column = *table->definition().order_column;
    const ScalarPtr after = draw.Value(table->definition().schema->GetFieldByName(column)->type());
    const TableScan scan{.filter = TableFilter::Greater(column, after), .order = TableOrder::kOrderColumn};
    const BatchPtr expected = BatchOf(*table, {}, table->Scan(scope_, scan));
    for (const auto& database : databases_) {
      std::vector<BatchPtr> batches;
      Ok(database->As(scope_).Replay(id, after, {}, [&](const BatchPtr& batch) -> Result<bool> {
        batches.push_back(batch);
        return true;
      }));
      EXPECT_TRUE(test::SameRows(Joined(expected->schema(), batches), expected));
    }
    return expected->num_rows() > 0;
  }

  bool GetRow(DrawTable& draw) {
    const std::string id = draw.Id();
    const MapTable* table = Find(id);
    if (table == nullptr) return false;
    const arrow::ScalarVector key = draw.Key(table->definition());
    const auto row = table->Get(scope_, key);
    std::vector<MapTable::Row> rows;
    if (row) rows.push_back(*row);
    const BatchPtr expected = BatchOf(*table, {}, rows);
    for (const auto& database : databases_) {
      const std::vector<FilterValue> values(key.begin(), key.end());
      EXPECT_TRUE(test::SameRows(Ok(database->As(scope_).GetRow(id, values)), expected));
    }
    return row.has_value();
  }

  test::Random random_;
  Scope scope_ = kGlobal;
  const std::vector<Scope> callers_ = {kA, kA, kA, kB, kB, kGlobal, kGlobal, kOutsider};
  const std::vector<Verb> verbs_ = [this] {
    const auto verb = [this](std::string_view name, bool (Lockstep::*method)(DrawTable&)) {
      return Verb{name, [this, method](DrawTable& draw) { return (this->*method)(draw); }};
    };
    std::vector<Verb> verbs = {verb("create", &Lockstep::Create), verb("drop", &Lockstep::Drop)};
    for (int i = 0; i < 4; ++i) verbs.push_back(verb("transact", &Lockstep::Transact));
    for (const WriteVerb write : kWriteVerbs) {
      const int often = write == WriteVerb::kAppend || write == WriteVerb::kUpsert ? 4
                        : write == WriteVerb::kTruncate                            ? 1
                                                                                   : 2;
      for (int i = 0; i < often; ++i)
        verbs.push_back({NameOf(write), [this, write](DrawTable& draw) { return Write(draw, write); }});
    }
    for (int i = 0; i < 8; ++i) verbs.push_back(verb("scan", &Lockstep::Scan));
    for (int i = 0; i < 2; ++i) verbs.push_back(verb("replay", &Lockstep::Replay));
    for (int i = 0; i < 2; ++i) verbs.push_back(verb("get row", &Lockstep::GetRow));
    return verbs;
  }();
  MapTables map_;
  std::map<MapTables::Key, Feed> feeds_;  // by owner and id
  int feed_count_ = 0;
  const BatchPtr news_ =
      MakeBatch(arrow::schema({arrow::field("n", arrow::int64())}), {{arrow::MakeScalar(int64_t{1})}});
  uint64_t news_count_ = 0;
  std::vector<TopicId> news_topics_;
  std::vector<std::unique_ptr<StoredTables>> databases_;
  std::map<std::string_view, int> succeeded_;
};

TEST(TableModelTest, EveryDatabaseAnswersWhatTheModelAnswers) { RunSteps<Lockstep>(kNames, 4000); }

}  // namespace
}  // namespace jammi::proof
