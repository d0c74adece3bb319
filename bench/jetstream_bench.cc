// What JetStream costs: publishing with it attached beside publishing without, and the driver alone beside
// the client library alone, on the same server in the same run.
#include <arrow/api.h>
#include <nats/nats.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <thread>

#include "bench/measure.h"
#include "catalog/catalog.h"
#include "jammi/trigger.h"
#include "support/nats_server.h"
#include "trigger/jetstream/event_message.h"
#include "trigger/jetstream/jetstream_broker.h"
#include "trigger/streams.h"

namespace jammi::bench {
namespace {

constexpr int kRounds = 5;
constexpr double kSeconds = 1;
constexpr int kMessages = 20'000;

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

std::shared_ptr<TriggerBroker> OpenDriver(const test::NatsServer& server) {
  JetStreamBrokerOptions options;
  options.url = Secret(server.Url());
  options.publisher = Uuid::RandomV4().ToHex();
  return Must(NewJetStreamBroker(options));
}

// A catalog with one topic, gone at the end.
class Stage {
 public:
  explicit Stage(std::shared_ptr<TriggerBroker> broker)
      : folder_(std::filesystem::temp_directory_path() / ("jetstream-bench-" + Uuid::RandomV4().ToHex())) {
    std::filesystem::create_directories(folder_);
    SqliteOptions options;
    options.path = folder_ / "catalog.db";
    catalog_ = Must(OpenSqliteCatalog(options));
    const StreamsOptions defaults;  // a temporary of it makes g++ 12 see uninitialized members
    streams_ = Must(Streams::Open(*catalog_, defaults, std::move(broker)));
    topic_ = Must(streams_->RegisterTopic(Scope::Global(), "readings", MakeBatch(1)->schema())).id;
  }
  ~Stage() {
    streams_.reset();
    catalog_.reset();
    std::filesystem::remove_all(folder_);
  }
  // Events in a second, by so many threads that wait for each.
  double Rate(int threads, const std::shared_ptr<arrow::RecordBatch>& batch) {
    std::atomic<bool> stop = false;
    std::atomic<int64_t> done = 0;
    std::vector<std::thread> running;
    const double begin = WallSeconds();
    for (int i = 0; i < threads; ++i) {
      running.emplace_back([&] {
        for (; !stop; ++done) Must(streams_->Publish(Scope::Global(), *topic_, batch));
      });
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(kSeconds));
    stop = true;
    for (auto& thread : running) thread.join();
    return static_cast<double>(done) / (WallSeconds() - begin);
  }

 private:
  const std::filesystem::path folder_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<Streams> streams_;
  std::optional<TopicId> topic_;
};

void BenchPublish(const test::NatsServer& server) {
  fmt::print("\npublish, waiting for each         with JetStream   without   ratio (low-high)\n");
  for (const int64_t rows : {1, 100}) {
    const auto batch = MakeBatch(rows);
    for (const int threads : {1, 8, 64}) {
      Stage with(OpenDriver(server));
      Stage without(nullptr);
      std::vector<double> rates;
      std::vector<double> limits;
      std::vector<double> ratios;
      for (int round = 0; round < kRounds; ++round) {
        rates.push_back(with.Rate(threads, batch));
        limits.push_back(without.Rate(threads, batch));
        ratios.push_back(rates.back() / limits.back());
      }
      fmt::print("  {:>3} rows, {:>2} threads             {:>12.0f}  {:>8.0f}   {}\n", rows, threads,
                 SpreadOf(rates).median, SpreadOf(limits).median, RatioText(ratios));
    }
  }
}

// --- The driver alone. The limit: the same bytes by the library's own asynchronous publish and consumer.

void Check(natsStatus status) {
  if (status != NATS_OK) throw std::runtime_error(natsStatus_GetText(status));
}

struct RawCount {
  std::atomic<int> received = 0;
};
void OnRaw(natsConnection* /*connection*/, natsSubscription* /*subscription*/, natsMsg* message,
           void* closure) {
  ++static_cast<RawCount*>(closure)->received;
  natsMsg_Destroy(message);
}

double RawSeconds(const test::NatsServer& server, const std::shared_ptr<arrow::RecordBatch>& batch) {
  const auto body = Must(EncodeBody(*batch));
  const std::string name = "raw" + Uuid::RandomV4().ToHex();
  natsConnection* connection = nullptr;
  jsCtx* js = nullptr;
  Check(natsConnection_ConnectTo(&connection, server.Url().c_str()));
  Check(natsConnection_JetStream(&js, connection, nullptr));
  jsStreamConfig config;
  jsStreamConfig_Init(&config);
  const char* subjects[] = {name.c_str()};
  config.Name = name.c_str();
  config.Subjects = subjects;
  config.SubjectsLen = 1;
  config.Storage = js_FileStorage;
  Check(js_AddStream(nullptr, js, &config, nullptr, nullptr));
  RawCount count;
  natsSubscription* subscription = nullptr;
  jsSubOptions options;
  jsSubOptions_Init(&options);
  options.Ordered = true;
  Check(js_Subscribe(&subscription, js, name.c_str(), OnRaw, &count, nullptr, &options, nullptr));
  const double begin = WallSeconds();
  for (int i = 0; i < kMessages; ++i) {
    natsMsg* message = nullptr;
    Check(natsMsg_Create(&message, name.c_str(), nullptr, reinterpret_cast<const char*>(body->data()),
                         static_cast<int>(body->size())));
    Check(natsMsgHeader_Set(message, "Nats-Msg-Id", std::to_string(i).c_str()));
    Check(natsMsgHeader_Set(message, "jammi-offset", std::to_string(i).c_str()));
    Check(natsMsgHeader_Set(message, "jammi-produced-at-us", "1700000000000000"));
    Check(js_PublishMsgAsync(js, &message, nullptr));
  }
  Check(js_PublishAsyncComplete(js, nullptr));
  while (count.received < kMessages) std::this_thread::yield();
  const double took = WallSeconds() - begin;
  natsSubscription_Destroy(subscription);
  Check(js_DeleteStream(js, name.c_str(), nullptr, nullptr));
  jsCtx_Destroy(js);
  natsConnection_Destroy(connection);
  return took;
}

double DriverSeconds(const test::NatsServer& server, const std::shared_ptr<arrow::RecordBatch>& batch) {
  const auto driver = OpenDriver(server);
  const Topic topic{.id = TopicId(Uuid::RandomV4()), .name = "t", .schema = batch->schema()};
  Must(driver->RegisterTopic(topic));
  const auto subscription = Must(driver->Subscribe(topic.id, Predicate::MatchAll(), 0));
  std::atomic<int> on_the_way = 0;
  const double begin = WallSeconds();
  std::thread publisher([&] {
    for (uint64_t i = 0; i < kMessages; ++i) {
      while (on_the_way >= 4000) std::this_thread::yield();  // as js_PublishMsgAsync does
      ++on_the_way;
      driver->PublishAsync(topic.id, batch, 1'700'000'000'000'000, i, std::nullopt,
                           [&](Result<Offset> result) {
                             Must(std::move(result));
                             --on_the_way;
                           });
    }
  });
  for (int i = 0; i < kMessages; ++i) Must(subscription->Next(Deadline::Never()));
  publisher.join();
  while (on_the_way > 0) std::this_thread::yield();
  const double took = WallSeconds() - begin;
  Must(driver->DropTopic(topic.id));
  return took;
}

void BenchDriver(const test::NatsServer& server) {
  fmt::print("\ndriver alone, publish to delivery     events/s   library alone   ratio (low-high)\n");
  for (const int64_t rows : {1, 100}) {
    const auto batch = MakeBatch(rows);
    std::vector<double> rates;
    std::vector<double> limits;
    std::vector<double> ratios;
    for (int round = 0; round < kRounds; ++round) {
      rates.push_back(kMessages / DriverSeconds(server, batch));
      limits.push_back(kMessages / RawSeconds(server, batch));
      ratios.push_back(rates.back() / limits.back());
    }
    fmt::print("  {:>3} rows                            {:>8.0f}  {:>14.0f}   {}\n", rows,
               SpreadOf(rates).median, SpreadOf(limits).median, RatioText(ratios));
  }
}

}  // namespace
}  // namespace jammi::bench

//   jetstream_bench [publish | driver]
int main(int argc, char** argv) {
  using namespace jammi;
  const std::string_view only = argc > 1 ? argv[1] : "";
  const test::NatsServer server({.storage = test::ServerHome::Storage::kDisk});
  if (only.empty() || only == "publish") bench::BenchPublish(server);
  if (only.empty() || only == "driver") bench::BenchDriver(server);
}
