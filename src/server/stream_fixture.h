// What the tests of topics on the wire share: an engine behind a gRPC port with the services of streams, and
// clients of it. Whose a client is, it says itself: its session id is a tenant, or "" for nobody.
#pragma once

#include <arrow/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "client/rpc_channel.h"
#include "jammi/engine.h"
#include "jammi/ext/v1/streams.pb.h"
#include "jammi/v1/trigger.pb.h"
#include "metrics/server_metrics.h"
#include "rpc/dispatcher.h"
#include "rpc/executor.h"
#include "rpc/rpc_server.h"
#include "server/arrow_wire.h"
#include "server/named_publisher.h"
#include "server/server_context.h"
#include "server/services.h"
#include "support/temp_dir.h"

namespace jammi::test {

namespace wire = ::jammi::v1::trigger;
namespace ext = ::jammi::ext::v1;

#define JAMMI_OK(expr)                                    \
  do {                                                    \
    const auto& jammi_ok = (expr);                        \
    ASSERT_TRUE(jammi_ok) << jammi_ok.error().ToString(); \
  } while (false)

inline constexpr const char* kPublish = "/jammi.v1.trigger.TriggerService/Publish";
inline constexpr const char* kSubscribe = "/jammi.v1.trigger.TriggerService/Subscribe";
inline const std::string kTenantA = "00000000-0000-4000-8000-00000000000a";
inline const std::string kTenantB = "00000000-0000-4000-8000-00000000000b";
inline const std::string kNobody = "nobody";

// A session id that is a tenant's is that tenant's; who comes with a token has a name.
class SessionIsTenant final : public CallResolver {
 public:
  std::optional<Answer> ResolveNow(const CallMetadata& metadata) override {
    Identity identity;
    if (const auto tenant = TenantId::Parse(metadata.session_id.value_or(""))) {
      identity.scope = Scope::ForTenant(*tenant);
    }
    if (metadata.authorization) identity.principal = "somebody";
    return Answer(identity);
  }
  Answer Resolve(const CallMetadata& metadata, Deadline) override { return *ResolveNow(metadata); }
  Answer Again(const CallMetadata& metadata, const Identity&) override { return *ResolveNow(metadata); }
};

class NoObserver final : public RpcObserver {
 public:
  size_t Add(std::string_view, std::string_view) override { return 0; }
  void Began(size_t) override {}
  void Ended(size_t, RpcCode, std::chrono::nanoseconds) override {}
  void Unknown(std::string_view) override {}
};

inline Config ConfigIn(const std::filesystem::path& folder) {
  Config config;
  config.artifact_dir = folder;
  return config;
}

// An engine and its port.
class StreamHost {
 public:
  explicit StreamHost(const Config& from, EngineOptions options = {})
      : config(from), engine(Engine::Open(config, std::move(options)).value()) {
    services.push_back(NewTriggerService(context, publisher, metrics));
    services.push_back(NewStreamService(context, publisher, executor, metrics));
    std::vector<const RpcService*> served;
    for (const auto& service : services) served.push_back(service.get());
    port = RpcServer::Start({}, dispatcher, served).value();
  }
  ~StreamHost() {
    port->Shutdown(Deadline::Now());
    executor.Shutdown();
    engine->Close();
  }
  StreamHost(const StreamHost&) = delete;
  StreamHost& operator=(const StreamHost&) = delete;

  [[nodiscard]] RpcChannel Client(const std::string& session, const std::string& token = {}) const {
    return RpcChannel::Open(
               {.target = "grpc://" + port->address(), .session_id = session, .token = Secret(token)})
        .value();
  }
  [[nodiscard]] Session As(const std::string& tenant) const {
    const auto id = TenantId::Parse(tenant);
    return id ? engine->ForTenant(*id) : engine->Global();
  }

  const Config config;
  ServerMetrics metrics{"0"};
  std::unique_ptr<Engine> engine;
  RpcExecutor executor{4, 64};
  ServerContext context{.engine = *engine, .config = config};
  NamedPublisher publisher{context, executor, metrics};
  std::vector<std::unique_ptr<RpcService>> services;
  SessionIsTenant resolver;
  NoObserver observer;
  Dispatcher dispatcher{resolver, executor, observer, {}};
  std::unique_ptr<RpcServer> port;
};

// Schema S of the reference cases.
inline std::shared_ptr<arrow::Schema> SchemaS() {
  static const auto schema =
      arrow::schema({arrow::field("id", arrow::int64(), false), arrow::field("kind", arrow::utf8(), false),
                     arrow::field("value", arrow::float64())});
  return schema;
}

// A row for each kind; ids id, id+1, ...
inline std::shared_ptr<arrow::RecordBatch> BatchS(int64_t id, const std::vector<std::string>& kinds = {"X"}) {
  arrow::Int64Builder ids;
  arrow::StringBuilder texts;
  arrow::DoubleBuilder values;
  for (const auto& kind : kinds) {
    EXPECT_TRUE(ids.Append(id++).ok());
    EXPECT_TRUE(texts.Append(kind).ok());
    EXPECT_TRUE(values.AppendNull().ok());
  }
  return arrow::RecordBatch::Make(SchemaS(), static_cast<int64_t>(kinds.size()),
                                  {*ids.Finish(), *texts.Finish(), *values.Finish()});
}

inline wire::ArrowBatch WireBatch(const arrow::RecordBatch& batch) {
  wire::ArrowBatch wire;
  wire.set_data_body(EncodeWireBatch(batch).value());
  return wire;
}

inline wire::PublishRequest PublishTo(const std::string& topic,
                                      const std::shared_ptr<arrow::RecordBatch>& batch) {
  wire::PublishRequest request;
  request.mutable_topic()->set_name(topic);
  *request.mutable_batch() = WireBatch(*batch);
  return request;
}

inline Result<wire::PublishResponse> Publish(const RpcChannel& client, const wire::PublishRequest& request) {
  return client.Call<wire::PublishResponse>(kPublish, request);
}
// The offset; fails the test otherwise.
inline uint64_t PublishOk(const RpcChannel& client, const std::string& topic,
                          const std::shared_ptr<arrow::RecordBatch>& batch) {
  const auto response = Publish(client, PublishTo(topic, batch));
  EXPECT_TRUE(response) << response.error().ToString();
  return response ? response->offset() : ~uint64_t{0};
}

inline wire::SubscribeRequest SubscribeTo(const std::string& topic,
                                          std::optional<uint64_t> from = std::nullopt,
                                          const std::string& predicate = {}) {
  wire::SubscribeRequest request;
  request.mutable_topic()->set_name(topic);
  request.set_predicate(predicate);
  if (from) request.set_from_offset(*from);
  return request;
}

using Events = ServerStream<wire::SubscribedBatch>;
inline Events Subscribe(const RpcChannel& client, const wire::SubscribeRequest& request) {
  return client.Stream<wire::SubscribedBatch>(kSubscribe, request);
}
// Attached: what is published from now on will come.
inline Events SubscribeLive(const RpcChannel& client, const wire::SubscribeRequest& request) {
  auto events = Subscribe(client, request);
  events.AwaitHeaders();
  return events;
}

inline std::shared_ptr<arrow::RecordBatch> BatchOf(const wire::SubscribedBatch& event) {
  return DecodeWireBatch(event.batch().data_header(), event.batch().data_body(), nullptr).value();
}
inline std::vector<int64_t> Ids(const wire::SubscribedBatch& event) {
  const auto batch = BatchOf(event);
  const auto& ids = static_cast<const arrow::Int64Array&>(*batch->column(0));
  return {ids.raw_values(), ids.raw_values() + ids.length()};
}

// The next `count`; fails the test if they do not come.
inline std::vector<uint64_t> NextOffsets(Events& events, size_t count) {
  std::vector<uint64_t> offsets;
  while (offsets.size() < count) {
    const auto event = events.Read();
    EXPECT_TRUE(event) << event.error().ToString();
    if (!event || !*event) break;
    offsets.push_back((*event)->offset());
  }
  return offsets;
}
// What comes until the stream ends in order.
inline std::vector<uint64_t> AllOffsets(Events& events) {
  std::vector<uint64_t> offsets;
  while (true) {
    const auto event = events.Read();
    EXPECT_TRUE(event) << event.error().ToString();
    if (!event || !*event) return offsets;
    offsets.push_back((*event)->offset());
  }
}
// How a stream that sends nothing ends.
inline Result<void> EndOf(Events& events) {
  const auto event = events.Read();
  if (!event) return event.error();
  EXPECT_FALSE(event->has_value());
  return {};
}

inline std::vector<uint64_t> Range(uint64_t begin, uint64_t end) {
  std::vector<uint64_t> range;
  for (; begin < end; ++begin) range.push_back(begin);
  return range;
}

// Waits for what another thread does; false: it does not happen.
template <class Condition>
[[nodiscard]] bool Eventually(Condition condition) {
  const auto late = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > late) return false;
    std::this_thread::yield();
  }
  return true;
}

class StreamTest : public testing::Test {
 protected:
  // A topic with schema S.
  TopicId Register(const std::string& tenant, const std::string& name) {
    const auto topic = host().As(tenant).topics().Register(name, SchemaS());
    EXPECT_TRUE(topic) << topic.error().ToString();
    return topic->id;
  }
  [[nodiscard]] StreamHost& host() { return *host_; }
  [[nodiscard]] RpcChannel Client(const std::string& session, const std::string& token = {}) {
    return host_->Client(session, token);
  }
  void Restart() {
    host_.reset();
    host_ = std::make_unique<StreamHost>(ConfigIn(folder_.path()));
  }
  // Of an engine with another configuration.
  void Restart(const Config& config, EngineOptions options = {}) {
    host_.reset();
    host_ = std::make_unique<StreamHost>(config, std::move(options));
  }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }
  [[nodiscard]] size_t open_streams() { return host_->dispatcher.open_streams(); }
  // As /metrics has it: no topic has a subscriber, whether it has a label or not.
  [[nodiscard]] bool NobodySubscribes() {
    const std::string text = host_->metrics.Text();
    const auto first = text.find("\njammi_subscribers{");
    return text.find("\njammi_subscribers{topic=\"other\"} 0\n") == first;
  }

 private:
  TempDir folder_{TempDir::On::kMemory};
  std::unique_ptr<StreamHost> host_ = std::make_unique<StreamHost>(ConfigIn(folder_.path()));
};

}  // namespace jammi::test
