#include "bench/sides.h"

#include <atomic>
#include <barrier>
#include <functional>
#include <limits>
#include <random>
#include <thread>
#include <vector>

#include "bench/job_rows.h"
#include "bench/measure.h"
#include "bench/model_rows.h"
#include "bench/postgres_rival.h"
#include "bench/sqlite_rival.h"
#include "support/raw_postgres.h"

namespace jammi::bench {
namespace {

// One thread's part in it. A step makes some calls and returns how many; 0: there is no job left.
class Actor {
 public:
  virtual ~Actor() = default;
  virtual int Do(Verb verb) = 0;
};

Speed RunActors(const std::vector<Actor*>& actors, Verb verb, double seconds) {
  std::atomic<int64_t> calls = 0;
  std::atomic<bool> stop = false;
  std::atomic<bool> failed = false;
  std::barrier ready(static_cast<std::ptrdiff_t>(actors.size()) + 1);
  std::vector<std::thread> threads;
  for (Actor* actor : actors) {
    threads.emplace_back([&, actor] {
      ready.arrive_and_wait();
      int64_t mine = 0;
      try {
        while (!stop.load(std::memory_order_relaxed)) {
          const int done = actor->Do(verb);
          if (done == 0) break;
          mine += done;
        }
      } catch (const std::exception& error) {
        fmt::print(stderr, "{}\n", error.what());
        failed = true;
      }
      calls += mine;
    });
  }
  const double cpu = ProcessSeconds();
  const double start = WallSeconds();
  ready.arrive_and_wait();
  std::jthread timer([&](const std::stop_token& token) {
    while (!token.stop_requested() && WallSeconds() - start < seconds) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    stop = true;
  });
  for (auto& thread : threads) thread.join();
  const double took = WallSeconds() - start;
  const double cpu_took = ProcessSeconds() - cpu;
  if (failed || calls == 0) throw std::runtime_error("a side has failed");
  const auto count = static_cast<double>(calls);
  return {count / took, cpu_took * 1e6 / count, 1};
}

// Names of global models that are there, in random order, and new ones.
class Names {
 public:
  explicit Names(int64_t rows) : rows_(rows), random_(std::random_device()()), prefix_(random_()) {}
  std::string There() {
    const auto name = static_cast<int>(random_() % static_cast<uint32_t>(rows_ / kVersions)) * kVersions;
    return NameOf(name / kVersions % 4 == 0 ? name + kVersions : name);
  }
  std::string New() { return fmt::format("new/{:08x}-{}", prefix_, ++made_); }

 private:
  const int64_t rows_;
  std::mt19937 random_;
  const uint32_t prefix_;
  int64_t made_ = 0;
};

ModelRecord Beginning() {
  ModelRecord before_all;
  before_all.created_at = std::numeric_limits<int64_t>::min();
  return before_all;
}

void CheckPage(size_t rows) {
  if (rows != kPageSize) throw std::runtime_error(fmt::format("a page of {} rows", rows));
}

template <class MakeActor>
Speed RunThreads(std::vector<std::unique_ptr<Actor>>& actors, Verb verb, int threads, double seconds,
                 MakeActor make) {
  std::vector<Actor*> some;
  for (int i = 0; i < threads; ++i) {
    if (static_cast<int>(actors.size()) <= i) actors.push_back(make());
    some.push_back(actors[static_cast<size_t>(i)].get());
  }
  return RunActors(some, verb, seconds);
}

// --- The catalog.

class CatalogActor final : public Actor {
 public:
  CatalogActor(const std::shared_ptr<CatalogBackend>& backend, int64_t rows)
      : names_(rows), models_({backend, Scope::Global()}), queue_(backend) {}

  int Do(Verb verb) override {
    switch (verb) {
      case Verb::kGet:
        Must(models_.Get(names_.There()));
        return 1;
      case Verb::kList:
        CheckPage(Must(models_.List(kPageSize)).items.size());
        return 1;
      case Verb::kRegister:
      case Verb::kInsert:
        params_.model_id = names_.New();
        Must(models_.Register(params_));
        return 1;
      case Verb::kClaim:
        return Must(queue_.Claim("worker", std::chrono::minutes(1))).has_value() ? 1 : 0;
    }
    return 0;
  }

 private:
  Names names_;
  Models models_;
  JobQueue queue_;
  RegisterModelParams params_ = {
      .model_type = "embedding", .backend = "candle", .config_json = std::string(kConfig)};
};

class CatalogSide final : public Side {
 public:
  CatalogSide(std::shared_ptr<Catalog> catalog, SideOptions options)
      : catalog_(std::move(catalog)), backend_(catalog_, &catalog_->backend()), options_(options) {}

  Speed Run(Verb verb, int threads, double seconds, double /*group_size*/) override {
    const BackendStats before = backend_->stats();
    Speed speed = RunThreads(actors_, verb, threads, seconds,
                             [&] { return std::make_unique<CatalogActor>(backend_, options_.rows); });
    const BackendStats after = backend_->stats();
    if (after.group_work > before.group_work) {
      speed.group_size = static_cast<double>(after.group_work - before.group_work) /
                         static_cast<double>(after.groups - before.groups);
    }
    return speed;
  }
  void QueueAgain() override {
    Must(backend_->RunTransaction({.lane = Lane::kBulk}, [](Transaction& tx) -> Result<void> {
      JAMMI_TRY(tx.Execute(kQueueAgain));
      return {};
    }));
  }

 private:
  const std::shared_ptr<Catalog> catalog_;
  const std::shared_ptr<CatalogBackend> backend_;
  const SideOptions options_;
  std::vector<std::unique_ptr<Actor>> actors_;
};

// --- SQLite.

class SqliteActor final : public Actor {
 public:
  SqliteActor(const std::filesystem::path& file, SideOptions options)
      : rows_(options.rows), rival_(file, options.event_bytes) {
    SetGroupSize(1);
  }

  void SetGroupSize(int size) {
    group_.resize(static_cast<size_t>(size));
    while (callers_.size() < group_.size()) callers_.emplace_back(rows_);
  }
  void QueueAgain() { rival_.Run(kQueueAgain); }

  int Do(Verb verb) override {
    switch (verb) {
      case Verb::kGet:
        if (!rival_.Get("", callers_.front().There())) throw std::runtime_error("no such model");
        return 1;
      case Verb::kList:
        CheckPage(rival_.Page("", Beginning()).size());
        return 1;
      case Verb::kRegister:
      case Verb::kInsert:
        for (size_t i = 0; i < group_.size(); ++i) group_[i].name = callers_[i].New();
        rival_.Register(group_, verb == Verb::kRegister);
        return static_cast<int>(group_.size());
      case Verb::kClaim:
        return rival_.Claim(static_cast<int>(group_.size()));
    }
    return 0;
  }

 private:
  const int64_t rows_;
  SqliteRival rival_;
  std::vector<Names> callers_;  // one for each of a group: their names lie in as many places of the index
  std::vector<ModelKey> group_;
};

class SqliteSide final : public Side {
 public:
  SqliteSide(std::filesystem::path file, SideOptions options)
      : file_(std::move(file)), options_(options), writer_(file_, options) {}

  Speed Run(Verb verb, int threads, double seconds, double group_size) override {
    if (verb == Verb::kGet || verb == Verb::kList) {
      return RunThreads(readers_, verb, threads, seconds,
                        [&] { return std::make_unique<SqliteActor>(file_, options_); });
    }
    const int group = threads == 1 ? 1 : std::max(1, static_cast<int>(group_size + 0.5));
    writer_.SetGroupSize(group);
    Speed speed = RunActors({&writer_}, verb, seconds);
    speed.group_size = group;
    return speed;
  }
  void QueueAgain() override { writer_.QueueAgain(); }

 private:
  const std::filesystem::path file_;
  const SideOptions options_;
  SqliteActor writer_;
  std::vector<std::unique_ptr<Actor>> readers_;
};

// --- PostgreSQL.

class PostgresActor final : public Actor {
 public:
  PostgresActor(const std::string& url, SideOptions options, postgres::HeadPlaces& places)
      : names_(options.rows), rival_(url, options.event_bytes, places) {}

  int Do(Verb verb) override {
    switch (verb) {
      case Verb::kGet:
        if (!rival_.Get("", names_.There())) throw std::runtime_error("no such model");
        return 1;
      case Verb::kList:
        CheckPage(rival_.Page("", Beginning()).size());
        return 1;
      case Verb::kRegister:
      case Verb::kInsert:
        rival_.Register(names_.New(), 1, verb == Verb::kRegister);
        return 1;
      case Verb::kClaim:
        return rival_.Claim() ? 1 : 0;
    }
    return 0;
  }

 private:
  Names names_;
  PostgresRival rival_;
};

class PostgresSide final : public Side {
 public:
  PostgresSide(std::string url, SideOptions options)
      : url_(std::move(url)), options_(options), keeper_(url_) {}

  Speed Run(Verb verb, int threads, double seconds, double /*group_size*/) override {
    return RunThreads(actors_, verb, threads, seconds,
                      [&] { return std::make_unique<PostgresActor>(url_, options_, places_); });
  }
  void QueueAgain() override {
    if (auto error = keeper_.Exec(std::string(kQueueAgain)); !error.empty()) throw std::runtime_error(error);
  }

 private:
  const std::string url_;
  const SideOptions options_;
  test::RawPostgres keeper_;
  postgres::HeadPlaces places_;  // one for all connections, as the catalog has it
  std::vector<std::unique_ptr<Actor>> actors_;
};

}  // namespace

std::unique_ptr<Side> MakeCatalogSide(std::shared_ptr<Catalog> catalog, SideOptions options) {
  return std::make_unique<CatalogSide>(std::move(catalog), options);
}
std::unique_ptr<Side> MakeSqliteSide(const std::filesystem::path& file, SideOptions options) {
  return std::make_unique<SqliteSide>(file, options);
}
std::unique_ptr<Side> MakePostgresSide(const std::string& url, SideOptions options) {
  return std::make_unique<PostgresSide>(url, options);
}

}  // namespace jammi::bench
