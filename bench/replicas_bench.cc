// When a second engine sees what the first has published, and what it costs it to come back: over PostgreSQL,
// with the database's own doorbell and with JetStream, and in one process on both databases.
//   replicas_bench [latency | catchup | reconnect]
#include <arrow/api.h>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <atomic>
#include <bit>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "bench/databases.h"
#include "bench/measure.h"
#include "jammi/trigger.h"
#include "trigger/streams.h"
#ifdef JAMMI_HAS_NATS
#include "support/nats_server.h"
#include "trigger/jetstream/jetstream_broker.h"
#endif

namespace jammi::bench {
namespace {

constexpr int kRounds = 5;
constexpr size_t kPublishes = 200;  // of one round

std::shared_ptr<arrow::RecordBatch> MakeBatch(int64_t rows) {
  arrow::Int64Builder ids;
  arrow::DoubleBuilder values;
  for (int64_t row = 0; row < rows; ++row) {
    if (!ids.Append(row).ok() || !values.Append(static_cast<double>(row) / 3).ok()) std::abort();
  }
  return arrow::RecordBatch::Make(
      arrow::schema({arrow::field("id", arrow::int64(), false), arrow::field("mag", arrow::float64())}), rows,
      {*ids.Finish(), *values.Finish()});
}

// Where a replica of a catalog gets its broker from; null: it has none.
using MakeBroker = std::function<std::shared_ptr<TriggerBroker>(const std::string& incarnation)>;

const StreamsOptions kDefaults;  // a temporary of it makes g++ 12 see uninitialized members

// One engine over a database that others may use too.
class Replica {
 public:
  Replica(Databases& databases, BackendKind kind, const std::string& place, const MakeBroker& broker)
      : catalog_(databases.Open(kind, place)),
        streams_(
            Must(Streams::Open(*catalog_, kDefaults, broker ? broker(catalog_->incarnation()) : nullptr))) {}
  ~Replica() {
    streams_.reset();
    catalog_.reset();
  }
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  Streams& operator*() { return *streams_; }
  Streams* operator->() { return streams_.get(); }

 private:
  std::shared_ptr<Catalog> catalog_;
  std::unique_ptr<Streams> streams_;
};

TopicId MakeTopic(Replica& replica) {
  return Must(replica->RegisterTopic(Scope::Global(), "readings", MakeBatch(1)->schema())).id;
}

// --- Delivery. The limits: the commit itself; for another replica also a doorbell and an indexed read by
// libpq alone.

struct Latency {
  double commit = 0;    // medians, seconds from the call of Publish: until it returned
  double delivery = 0;  // until the subscriber had the event
};

double Median(std::vector<double> values) { return SpreadOf(std::move(values)).median; }

Latency MeasureDelivery(Replica& from, Replica& to, const TopicId& topic) {
  const auto batch = MakeBatch(1);
  const auto subscription = Must(to->Subscribe(Scope::Global(), topic, From::Newest()));
  std::vector<double> arrived(kPublishes);
  std::atomic<size_t> count = 0;
  std::thread reader([&] {
    for (size_t i = 0; i < kPublishes; ++i) {
      Must(subscription->Next({}));
      arrived[i] = WallSeconds();
      count = i + 1;
      count.notify_one();
    }
  });
  std::vector<double> commits;
  std::vector<double> deliveries;
  for (size_t i = 0; i < kPublishes; ++i) {
    const double begin = WallSeconds();
    Must(from->Publish(Scope::Global(), topic, batch));
    commits.push_back(WallSeconds() - begin);
    for (size_t seen = count; seen <= i; seen = count) count.wait(seen);
    deliveries.push_back(arrived[i] - begin);
  }
  reader.join();
  return {Median(commits), Median(deliveries)};
}

// libpq alone: a notification on its way to another connection, then one row by its key.
class RawDoorbell {
 public:
  explicit RawDoorbell(const std::string& url)
      : rings_(PQconnectdb(url.c_str())), hears_(PQconnectdb(url.c_str())) {
    PQclear(PQexec(hears_, "LISTEN bench_bell"));
    PQclear(PQprepare(hears_, "read", "SELECT payload FROM events WHERE event_key = $1", 1, nullptr));
  }
  ~RawDoorbell() {
    PQfinish(rings_);
    PQfinish(hears_);
  }
  RawDoorbell(const RawDoorbell&) = delete;
  RawDoorbell& operator=(const RawDoorbell&) = delete;

  double MedianSeconds() {
    std::vector<double> all;
    for (size_t i = 0; i < kPublishes; ++i) {
      const double begin = WallSeconds();
      std::thread ringing([this] { PQclear(PQexec(rings_, "NOTIFY bench_bell, '1'")); });
      Hear();
      const char* const key = "1099511627776";  // of topic 1, whatever its offset: the way through the index
      PQclear(PQexecPrepared(hears_, "read", 1, &key, nullptr, nullptr, 1));
      all.push_back(WallSeconds() - begin);
      ringing.join();
    }
    return Median(all);
  }

 private:
  void Hear() {
    for (;;) {
      if (PGnotify* const heard = PQnotifies(hears_)) {
        PQfreemem(heard);
        return;
      }
      pollfd waiting{.fd = PQsocket(hears_), .events = POLLIN, .revents = 0};
      if (poll(&waiting, 1, 10'000) <= 0 || PQconsumeInput(hears_) == 0) {
        throw std::runtime_error("no notification");
      }
    }
  }

  PGconn* const rings_;
  PGconn* const hears_;
};

void PrintDelivery(std::string_view how, const std::vector<Latency>& rounds,
                   const std::vector<double>& beyond) {
  std::vector<double> commits;
  std::vector<double> deliveries;
  std::vector<double> ratios;
  for (size_t i = 0; i < rounds.size(); ++i) {
    commits.push_back(rounds[i].commit);
    deliveries.push_back(rounds[i].delivery);
    ratios.push_back(rounds[i].delivery / (rounds[i].commit + (beyond.empty() ? 0 : beyond[i])));
  }
  fmt::print("  {:<38} {:>9.0f} {:>12.0f} {:>17.0f}   {}\n", how, Median(commits) * 1e6,
             Median(deliveries) * 1e6, (beyond.empty() ? 0 : Median(beyond) * 1e6), RatioText(ratios));
}

void BenchOneProcess(Databases& databases) {
  for (const auto kind : {BackendKind::kSqlite, BackendKind::kPostgres}) {
    Replica engine(databases, kind, databases.Create(kind), {});
    const TopicId topic = MakeTopic(engine);
    std::vector<Latency> rounds;
    for (int round = 0; round < kRounds; ++round) rounds.push_back(MeasureDelivery(engine, engine, topic));
    PrintDelivery(fmt::format("in process, {}", ToString(kind)), rounds, {});
  }
}

void BenchTwoReplicas(Databases& databases, std::string_view how, const MakeBroker& broker) {
  const std::string place = databases.Create(BackendKind::kPostgres);
  Replica from(databases, BackendKind::kPostgres, place, broker);
  const TopicId topic = MakeTopic(from);
  Replica to(databases, BackendKind::kPostgres, place, broker);
  RawDoorbell raw(place);
  std::vector<Latency> rounds;
  std::vector<double> beyond;
  for (int round = 0; round < kRounds; ++round) {
    rounds.push_back(MeasureDelivery(from, to, topic));
    beyond.push_back(raw.MedianSeconds());
  }
  PrintDelivery(how, rounds, beyond);
}

void BenchDelivery(Databases& databases, const MakeBroker& jetstream) {
  fmt::print(
      "\ndelivery, one-row events, p50 in us      commit    delivered   doorbell + read   delivered / limits "
      "(low-high)\n");
  BenchOneProcess(databases);
  BenchTwoReplicas(databases, "another replica, the database's bell", {});
  if (jetstream) BenchTwoReplicas(databases, "another replica, JetStream", jetstream);
}

// --- Catching up. The limit is libpq alone: all payloads row by row in binary form, and their checksums.

void Publish(Replica& replica, const TopicId& topic, int64_t events, int64_t rows) {
  constexpr int64_t kAtOnce = 1000;
  const std::vector<std::shared_ptr<arrow::RecordBatch>> batches(kAtOnce, MakeBatch(rows));
  for (int64_t done = 0; done < events; done += kAtOnce) {
    Must(replica->PublishMany(Scope::Global(), topic, batches, {}));
  }
}

double RawReadSeconds(const std::string& url) {
  PGconn* const connection = PQconnectdb(url.c_str());
  const double begin = WallSeconds();
  if (PQsendQueryParams(connection, "SELECT payload, checksum FROM events ORDER BY event_key", 0, nullptr,
                        nullptr, nullptr, nullptr, 1) != 1 ||
      PQsetSingleRowMode(connection) != 1) {
    throw std::runtime_error(PQerrorMessage(connection));
  }
  uint64_t wrong = 0;
  while (PGresult* const row = PQgetResult(connection)) {
    if (PQntuples(row) == 1) {
      const auto* const bytes = reinterpret_cast<const uint8_t*>(PQgetvalue(row, 0, 0));
      uint64_t checksum = 0;
      std::memcpy(&checksum, PQgetvalue(row, 0, 1), sizeof(checksum));
      wrong += Checksum({bytes, static_cast<size_t>(PQgetlength(row, 0, 0))}) != std::byteswap(checksum);
    }
    PQclear(row);
  }
  const double took = WallSeconds() - begin;
  PQfinish(connection);
  if (wrong > 1) throw std::runtime_error("checksums differ");  // the changes topic has an event of its own
  return took;
}

void BenchCatchUp(Databases& databases) {
  constexpr int64_t kEvents = 50'000;
  constexpr int64_t kRows = 100;
  const std::string place = databases.Create(BackendKind::kPostgres);
  Replica from(databases, BackendKind::kPostgres, place, {});
  const TopicId topic = MakeTopic(from);
  Publish(from, topic, kEvents, kRows);
  Analyze(BackendKind::kPostgres, place);
  Replica to(databases, BackendKind::kPostgres, place, {});
  std::vector<double> rates;
  std::vector<double> limits;
  std::vector<double> ratios;
  constexpr double kMillions = static_cast<double>(kEvents * kRows) / 1e6;
  for (int round = 0; round < kRounds; ++round) {
    const auto late = Must(to->Subscribe(Scope::Global(), topic, From::Offset(0), {.follow = false}));
    const double begin = WallSeconds();
    int64_t seen = 0;
    while (Must(late->Next({}))) ++seen;
    if (seen != kEvents) throw std::runtime_error("events are missing");
    rates.push_back(kMillions / (WallSeconds() - begin));
    limits.push_back(kMillions / RawReadSeconds(place));
    ratios.push_back(rates.back() / limits.back());
  }
  fmt::print("\ncatching up on PostgreSQL, {} events of {} rows   million rows/s   libpq alone   ratio\n",
             kEvents, kRows);
  const Spread rate = SpreadOf(rates);
  fmt::print("  {:>40.1f} ({:.1f}-{:.1f}) {:>12.1f}   {}\n", rate.median, rate.low, rate.high, Median(limits),
             RatioText(ratios));
}

// --- Coming back, with nothing missed. What is read then must not grow with what the topic retains.

void BenchReconnect(Databases& databases) {
  const std::string place = databases.Create(BackendKind::kPostgres);
  Replica from(databases, BackendKind::kPostgres, place, {});
  const TopicId topic = MakeTopic(from);
  fmt::print(
      "\na caught-up subscriber comes back        attached in us   pages read   next event after us\n");
  int64_t retained = 0;
  for (const int64_t events : {1'000, 1'000'000}) {
    Publish(from, topic, events - retained, 1);
    retained = events;
    std::vector<double> attached;
    std::vector<double> next;
    uint64_t pages = 0;
    for (int round = 0; round < kRounds; ++round) {
      Replica to(databases, BackendKind::kPostgres, place, {});
      const double begin = WallSeconds();
      const auto subscription =
          Must(to->Subscribe(Scope::Global(), topic, From::Offset(static_cast<uint64_t>(retained))));
      Must(subscription->TryNext());
      attached.push_back(WallSeconds() - begin);
      pages += to->counters().pages_read;
      const double published = WallSeconds();
      Must(from->Publish(Scope::Global(), topic, MakeBatch(1)));
      Must(subscription->Next({}));
      next.push_back(WallSeconds() - published);
      ++retained;
    }
    fmt::print("  {:>9} events retained {:>28.0f} {:>12} {:>20.0f}\n", events, Median(attached) * 1e6, pages,
               Median(next) * 1e6);
  }
}

}  // namespace
}  // namespace jammi::bench

int main(int argc, char** argv) {
  using namespace jammi;
  const std::string_view only = argc > 1 ? argv[1] : "";
  const auto wanted = [&](std::string_view part) { return only.empty() || only == part; };
  const bench::Awake awake;
  bench::Databases databases;
  bench::MakeBroker jetstream;
#ifdef JAMMI_HAS_NATS
  std::optional<test::NatsServer> nats;
  jetstream = [&](const std::string& incarnation) {
    if (!nats) nats.emplace(test::NatsServer::Options{.storage = test::ServerHome::Storage::kDisk});
    JetStreamBrokerOptions options;
    options.url = Secret(nats->Url());
    options.publisher = incarnation;
    return std::shared_ptr<TriggerBroker>(bench::Must(NewJetStreamBroker(options)));
  };
#endif
  if (wanted("latency")) bench::BenchDelivery(databases, jetstream);
  if (wanted("catchup")) bench::BenchCatchUp(databases);
  if (wanted("reconnect")) bench::BenchReconnect(databases);
}
