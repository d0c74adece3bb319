// What happens to a unary call before and after its handler.
#include "rpc/dispatcher.h"

#include <gmock/gmock.h>
#include <google/protobuf/empty.pb.h>

#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/log_output.h"
#include "base/sync_point.h"
#include "jammi/v1/audit.pb.h"
#include "jammi/v1/catalog.pb.h"
#include "jammi/v1/trigger.pb.h"
#include "rpc/rpc_fixture.h"

namespace jammi::test {
namespace {

namespace wire = ::jammi::v1::catalog;
using google::protobuf::Empty;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Pair;

constexpr auto kInfo = "/jammi.v1.catalog.CatalogService/GetServerInfo";  // quick
constexpr auto kTenant = "/jammi.v1.catalog.CatalogService/SetTenant";    // waits
constexpr auto kModels = "/jammi.v1.catalog.CatalogService/ListModels";   // asynchronous
constexpr auto kDelete = "/jammi.v1.catalog.CatalogService/DeleteModel";  // for writers
constexpr auto kDrop = "/jammi.v1.catalog.CatalogService/DropTopic";      // for administrators
constexpr auto kNotServed = "/jammi.v1.catalog.CatalogService/ListChannels";

// A service whose methods do what a test says.
class Catalog final : public RpcService {
 public:
  Catalog() : RpcService("jammi.v1.catalog.CatalogService", "this test has no channels") {
    (void)wire::ServerInfo::descriptor();
    Unary<Empty, wire::ServerInfo>("GetServerInfo", {.quick = true},
                                   [this](const RpcCall& call, const auto&) {
                                     wire::ServerInfo reply;
                                     reply.set_version(std::string(reply_bytes, 'x'));
                                     if (say_tenant) reply.set_broker(call.identity.scope.Key());
                                     return Result<wire::ServerInfo>(std::move(reply));
                                   });
    Unary<wire::SetTenantRequest, Empty>("SetTenant", {}, [this](const auto& call, const auto& request) {
      ++ran;
      return handler(call, request);
    });
    UnaryAsync<wire::ListModelsRequest, wire::ListModelsResponse>(
        "ListModels", {}, [this](const auto&, const auto&, auto reply) { asynchronous(std::move(reply)); });
    Unary<wire::DeleteModelRequest, Empty>("DeleteModel", {.access = RpcAccess::kWrite},
                                           [](const auto&, const auto&) { return Result<Empty>(Empty()); });
    Unary<wire::DropTopicRequest, Empty>("DropTopic", {.access = RpcAccess::kAdmin},
                                         [](const auto&, const auto&) { return Result<Empty>(Empty()); });
  }

  size_t reply_bytes = 0;
  bool say_tenant = false;
  std::atomic<int> ran = 0;
  std::function<Result<Empty>(const RpcCall&, const wire::SetTenantRequest&)> handler =
      [](const auto&, const auto&) { return Result<Empty>(Empty()); };
  std::function<void(RpcReply<wire::ListModelsResponse>)> asynchronous;
};

class DispatcherTest : public testing::Test {
 protected:
  DispatcherTest() { Start({}); }
  void Start(const TestServerOptions& options) {
    server_.reset();
    auto catalog = std::make_unique<Catalog>();
    catalog_ = catalog.get();
    std::vector<std::unique_ptr<RpcService>> services;
    services.push_back(std::move(catalog));
    (void)v1::trigger::TopicName::descriptor();
    services.push_back(
        std::make_unique<RpcService>("jammi.v1.trigger.TriggerService", "tier 'event' is off"));
    server_ = std::make_unique<TestRpcServer>(std::move(services), options);
  }
  static std::string RequestId(const Answer& answer) {
    const auto found = answer.headers.find("x-request-id");
    return found == answer.headers.end() ? "" : found->second;
  }

  Catalog* catalog_ = nullptr;
  std::unique_ptr<TestRpcServer> server_;
};

// Makes a handler wait, and tells when it has begun.
struct Held {
  std::promise<void> entered;
  std::promise<void> let_go;
  Result<Empty> Run() {
    entered.set_value();
    let_go.get_future().wait();
    return Empty();
  }
};

// --- Request ids (wire.md 13)

TEST_F(DispatcherTest, ARequestIdComesBackAndABadOneIsReplaced) {
  EXPECT_EQ(RequestId(server_->Call(kInfo, "", {.headers = {{"x-request-id", "abc-1/2"}}})), "abc-1/2");
  EXPECT_EQ(RequestId(server_->Call(kTenant, "", {.headers = {{"x-request-id", std::string(128, 'a')}}})),
            std::string(128, 'a'));
  constexpr auto kUuid = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";
  EXPECT_THAT(RequestId(server_->Call(kInfo, "")), MatchesRegex(kUuid));
  for (const std::string& bad : {std::string(), std::string(129, 'a'), std::string("a b")}) {
    EXPECT_THAT(RequestId(server_->Call(kInfo, "", {.headers = {{"x-request-id", bad}}})),
                MatchesRegex(kUuid))
        << bad;
  }
  EXPECT_NE(RequestId(server_->Call(kInfo, "")), RequestId(server_->Call(kInfo, "")));
}

TEST_F(DispatcherTest, ACallThatFailsHasItsRequestIdToo) {
  const Headers headers = {{"x-request-id", "r"}};
  EXPECT_EQ(RequestId(server_->Call(kNotServed, "", {.headers = headers})), "r");
  EXPECT_EQ(RequestId(server_->Call(kTenant, "\xff", {.headers = headers})), "r");
}

// --- What a call's line says

TEST_F(DispatcherTest, Srv061TheCallersTraceIsInTheLineOfTheCall) {
  const std::string trace = "0af7651916cd43dd8448eb211c80319c";
  const std::string good = "00-" + trace + "-b7ad6b7169203331-01";
  SetLogOutput(LogStream::kOutput, *ParseLogFilter("off,jammi::rpc=debug"), LogFormat::kJson);
  testing::internal::CaptureStdout();
  const auto call = [&](const std::string& id, Headers headers) {
    headers.emplace("x-request-id", id);
    EXPECT_EQ(server_->Call(kInfo, "", {.headers = headers}).code, RpcCode::kOk);
  };
  call("good", {{"traceparent", good}});
  call("bad", {{"traceparent", "00-" + trace + "-nonsense-01"}});
  call("two", {{"traceparent", good}, {"traceparent", good}});
  call("none", {});
  server_.reset();  // every line is written
  std::istringstream lines(testing::internal::GetCapturedStdout());
  SetLogOutput(LogStream::kError, *ParseLogFilter("warn"), LogFormat::kText);
  int seen = 0;
  for (std::string line; std::getline(lines, line); ++seen) {
    const bool has = line.find("\"request_id\":\"good\"") != std::string::npos;
    EXPECT_EQ(line.find("\"trace_id\":\"" + trace + "\"") != std::string::npos, has) << line;
    EXPECT_EQ(line.find("\"traceparent\":\"" + good + "\"") != std::string::npos, has) << line;
    EXPECT_EQ(line.find("trace") != std::string::npos, has) << line;
  }
  EXPECT_EQ(seen, 4);
}

// Who floods the server with wrong tokens gets a minute's lines, and is counted.
TEST_F(DispatcherTest, Srv061RefusalsFillNoLog) {
  const auto clock = std::make_shared<ManualClock>(1'700'000'000'000'000);
  Start({.dispatcher = {.clock = clock}});
  SetLogOutput(LogStream::kOutput, *ParseLogFilter("info"), LogFormat::kText);
  testing::internal::CaptureStdout();
  const CallOptions wrong = {.headers = {{"authorization", "Bearer nobody"}}};
  for (int i = 0; i < 200; ++i) EXPECT_EQ(server_->Call(kTenant, "", wrong).code, RpcCode::kUnauthenticated);
  EXPECT_TRUE(Eventually([&] { return server_->observer().ended() == 200; }));
  clock->Advance(std::chrono::seconds(60));
  (void)server_->Call(kTenant, "", wrong);
  server_.reset();
  std::istringstream lines(testing::internal::GetCapturedStdout());
  SetLogOutput(LogStream::kError, *ParseLogFilter("warn"), LogFormat::kText);
  int refusals = 0;
  std::vector<std::string> others;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("the token is not known") != std::string::npos) {
      ++refusals;
    } else {
      others.push_back(line);
    }
  }
  EXPECT_EQ(refusals, LoudLines::kMost + 1);
  EXPECT_THAT(others, ElementsAre(HasSubstr("60 calls ended with UNAUTHENTICATED within a minute"),
                                  HasSubstr("140 more calls ended with UNAUTHENTICATED")));
}

// --- Identity and access (SRV-030, SRV-033)

TEST_F(DispatcherTest, Srv030ARefusalIsSentAsItIsAndTheHandlerNeverRuns) {
  for (const bool slow : {false, true}) {
    server_->resolver().slow = slow;
    for (const auto* path : {kInfo, kTenant, kNotServed}) {
      const auto answer = server_->Call(path, "\xff", {.headers = {{"authorization", "Bearer nobody"}}});
      EXPECT_EQ(answer.code, RpcCode::kUnauthenticated) << path;
      EXPECT_EQ(answer.message, "the token is not known");
      EXPECT_EQ(answer.details, "");
    }
    EXPECT_EQ(server_
                  ->Call("/jammi.v1.trigger.TriggerService/Subscribe", "",
                         {.headers = {{"authorization", "Bearer nobody"}}})
                  .code,
              RpcCode::kUnauthenticated);
  }
  EXPECT_EQ(catalog_->ran, 0);
}

TEST_F(DispatcherTest, Srv030TheScopeIsTheResolversWhetherItWaitsOrNot) {
  catalog_->say_tenant = true;
  for (const bool slow : {false, true}) {
    server_->resolver().slow = slow;
    const std::string tenant = "aaaaaaaa-0000-4000-8000-000000000001";
    const auto answer = server_->Call(kInfo, "", {.headers = {{"jammi-session-id", tenant}}});
    wire::ServerInfo info;
    ASSERT_TRUE(info.ParseFromString(answer.bytes));
    EXPECT_EQ(info.broker(), tenant);
  }
}

TEST_F(DispatcherTest, Srv033RolesAllowTheirMethods) {
  const auto code = [&](const char* path, const char* role) {
    return server_->Call(path, "", {.headers = {{"authorization", role}}}).code;
  };
  EXPECT_EQ(code(kInfo, "Bearer reader"), RpcCode::kOk);
  EXPECT_EQ(code(kDelete, "Bearer reader"), RpcCode::kPermissionDenied);
  EXPECT_EQ(code(kDrop, "Bearer reader"), RpcCode::kPermissionDenied);
  EXPECT_EQ(code(kDelete, "Bearer writer"), RpcCode::kOk);
  EXPECT_EQ(code(kDrop, "Bearer writer"), RpcCode::kPermissionDenied);
  EXPECT_EQ(code(kDrop, "Bearer admin"), RpcCode::kOk);
  const auto answer = server_->Call(kDelete, "\xff", {.headers = {{"authorization", "Bearer reader"}}});
  EXPECT_EQ(answer.code, RpcCode::kPermissionDenied) << "the role is asked before the bytes are read";
  EXPECT_EQ(answer.message, "DeleteModel is not for the role 'reader'");
}

// --- What is not served (SRV-041)

TEST_F(DispatcherTest, Srv041EachMethodThatIsNotServedSaysSo) {
  int methods = 0;
  for (const auto& service : server_->services()) {
    for (const auto& method : service->methods()) {
      if (method.unary) continue;
      ++methods;
      const auto answer = server_->Call(method.path, "\xff");
      EXPECT_EQ(answer.code, RpcCode::kUnimplemented) << method.path;
      EXPECT_EQ(answer.message,
                method.path.substr(1) + " is not available on this server: " + method.unserved);
      EXPECT_EQ(answer.details, "");
    }
  }
  EXPECT_GT(methods, 15);
}

TEST_F(DispatcherTest, UnknownPathsAreNamedAndCounted) {
  for (const std::string path :
       {"/jammi.v1.nothing.Service/Method", "/jammi.v1.catalog.CatalogService/Nothing", "/x", "//",
        "/jammi.v1.session.SessionService/SetTenant"}) {
    const auto answer = server_->Call(path, "anything");
    EXPECT_EQ(answer.code, RpcCode::kUnimplemented) << path;
    EXPECT_EQ(answer.message, "there is no method " + path + " on this server");
  }
  EXPECT_EQ(server_->observer().unknown().size(), 5U);
  const auto answer = server_->Call("/" + std::string(5000, 'a'), "");
  EXPECT_EQ(answer.code, RpcCode::kUnimplemented);
  EXPECT_LT(answer.message.size(), 300U);
}

// --- Decoding

TEST_F(DispatcherTest, BytesThatAreNoRequestAreTheCallersFault) {
  const std::string good = [] {
    wire::SetTenantRequest request;
    request.mutable_tenant()->set_id("aaaaaaaa-0000-4000-8000-000000000001");
    return request.SerializeAsString();
  }();
  EXPECT_EQ(server_->Call(kTenant, good).code, RpcCode::kOk);
  EXPECT_EQ(server_->Call(kTenant, "").code, RpcCode::kOk) << "all fields absent";
  EXPECT_EQ(server_->Call(kTenant, good + "\xf8\x7f\x01").code, RpcCode::kOk) << "an unknown field";
  // Of another type: such fields are unknown ones, as protobuf has it.
  EXPECT_EQ(server_->Call(kTenant, std::string("\x08\x01", 2)).code, RpcCode::kOk);
  const int ran = catalog_->ran;
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"garbage", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"},
      {"a truncated field", good.substr(0, good.size() - 1)},
      {"a truncated length", good.substr(0, 1)},
      {"field 0", std::string("\x00\x01", 2)},
      {"wire type 7", "\x0f"},
      {"a group that does not end", "\x0b"},
      {"a group's end", "\x0c"},
      {"invalid UTF-8", "\x0a\x04\x0a\x02\xc3\x28"},
      {"half a surrogate", "\x0a\x05\x0a\x03\xed\xa0\x80"},
      {"a length beyond the end", "\x0a\xff\xff\xff\xff\x07"},
  };
  for (const auto& [what, bytes] : bad) {
    const auto answer = server_->Call(kTenant, bytes);
    EXPECT_EQ(answer.code, RpcCode::kInvalidArgument) << what;
    EXPECT_EQ(answer.message,
              "SetTenant: the request is no jammi.v1.catalog.SetTenantRequest: its bytes cannot be decoded");
    EXPECT_EQ(answer.details, "");
  }
  EXPECT_EQ(catalog_->ran, ran);
}

TEST_F(DispatcherTest, DeepNestingIsRefusedAndNotFollowed) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += '\x0b';  // a group in a group ...
  EXPECT_EQ(server_->Call(kTenant, deep).code, RpcCode::kInvalidArgument);
}

// --- Sizes

TEST_F(DispatcherTest, AReplyAboveTheLimitIsRefusedWithItsSize) {
  Start({.dispatcher = {.max_message_bytes = 1000}});
  catalog_->reply_bytes = 997;  // and a tag and a length of two bytes
  EXPECT_EQ(server_->Call(kInfo, "").code, RpcCode::kOk);
  catalog_->reply_bytes = 998;
  const auto answer = server_->Call(kInfo, "");
  EXPECT_EQ(answer.code, RpcCode::kResourceExhausted);
  EXPECT_EQ(answer.message,
            "GetServerInfo: the reply has 1001 bytes, and may have 1000; ask for less at a time");
}

// --- Handlers that fail

TEST_F(DispatcherTest, AnErrorHasItsStatus) {
  catalog_->handler = [](const auto&, const auto&) {
    return Result<Empty>(
        Error(ErrorCode::kNotFound, "model m not found", ModelNotFoundDetail{.model_id = "m"}));
  };
  const auto answer = server_->Call(kTenant, "");
  EXPECT_EQ(answer.code, RpcCode::kNotFound);
  EXPECT_EQ(answer.message, "model m not found");
  EXPECT_NE(answer.details, "");
}

// An exception used to end the server.
TEST_F(DispatcherTest, AnExceptionEndsItsCallAndNoOther) {
  catalog_->handler = [](const auto&, const auto&) -> Result<Empty> { throw std::runtime_error("hush"); };
  const auto answer = server_->Call(kTenant, "");
  EXPECT_EQ(answer.code, RpcCode::kInternal);
  EXPECT_THAT(answer.message, testing::Not(HasSubstr("hush")));
  EXPECT_EQ(server_->Call(kInfo, "").code, RpcCode::kOk);
}

// A reply that was lost used to leave the call open for ever.
TEST_F(DispatcherTest, AReplyThatIsLostEndsItsCall) {
  catalog_->asynchronous = [](auto reply) { const auto lost = std::move(reply); };
  const auto answer = server_->Call(kModels, "");
  EXPECT_EQ(answer.code, RpcCode::kInternal);
  EXPECT_EQ(answer.message, "ListModels ended without an answer");
}

// The catalog's writer gives them, and commits nothing meanwhile.
TEST_F(DispatcherTest, WhoGivesAnAsynchronousAnswerIsNotHeldUpByTheSending) {
  std::promise<void> given;
  std::promise<void> let_go;
  SetSyncPoint("rpc:answer", [&] { let_go.get_future().wait(); });
  catalog_->asynchronous = [&](auto reply) {
    reply(wire::ListModelsResponse());
    given.set_value();
  };
  auto answer = std::async(std::launch::async, [this] { return server_->Call(kModels, "").code; });
  EXPECT_EQ(given.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  let_go.set_value();
  EXPECT_EQ(answer.get(), RpcCode::kOk);
  ClearSyncPoints();
}

TEST_F(DispatcherTest, AnAsynchronousAnswerComesFromAnyThread) {
  std::thread later;
  catalog_->asynchronous = [&](auto reply) {
    later = std::thread([reply = std::move(reply)]() mutable {
      wire::ListModelsResponse response;
      response.add_models()->set_model_id("m");
      reply(std::move(response));
    });
  };
  const auto answer = server_->Call(kModels, "");
  later.join();
  wire::ListModelsResponse response;
  ASSERT_TRUE(response.ParseFromString(answer.bytes));
  EXPECT_EQ(response.models(0).model_id(), "m");
}

// --- Calls that wait for a thread

class OneThreadTest : public DispatcherTest {
 protected:
  OneThreadTest() {
    Start({.threads = 1, .max_waiting = 4});
    catalog_->handler = [this](const auto&, const auto&) { return held_.Run(); };
    first_ = std::async(std::launch::async, [this] { return server_->Call(kTenant, "").code; });
    held_.entered.get_future().wait();
    catalog_->handler = [](const auto&, const auto&) { return Result<Empty>(Empty()); };
  }
  // Idempotent.
  void LetGo() {
    if (!std::exchange(gone_, true)) held_.let_go.set_value();
  }
  ~OneThreadTest() override {
    LetGo();
    EXPECT_EQ(first_.get(), RpcCode::kOk);
  }

  Held held_;
  bool gone_ = false;
  std::future<RpcCode> first_;
};

TEST_F(OneThreadTest, QuickMethodsAndRefusalsNeedNoThread) {
  EXPECT_EQ(server_->Call(kInfo, "").code, RpcCode::kOk);
  EXPECT_EQ(server_->Call(kNotServed, "").code, RpcCode::kUnimplemented);
  EXPECT_EQ(server_->Call(kTenant, "", {.headers = {{"authorization", "Bearer nobody"}}}).code,
            RpcCode::kUnauthenticated);
}

TEST_F(OneThreadTest, ACallWhoseDeadlinePassesWhileItWaitsIsNotRun) {
  EXPECT_EQ(server_->Call(kTenant, "", {.timeout = std::chrono::milliseconds(50)}).code,
            RpcCode::kDeadlineExceeded);
  EXPECT_EQ(server_->executor().waiting(), 1U);
  // A later call of the same connection: the server has seen what the client sent when it gave up.
  EXPECT_EQ(server_->Call(kInfo, "").code, RpcCode::kOk);
  LetGo();
  EXPECT_TRUE(Eventually([&] { return server_->observer().in_flight() == 0; }));
  EXPECT_EQ(catalog_->ran, 1) << "the first alone";
}

// A call whose client had gone used to be run all the same.
TEST_F(OneThreadTest, ACallWhoseClientGoesWhileItWaitsIsNotRun) {
  {
    auto stream = server_->channel().Stream(kTenant, "");
    ASSERT_TRUE(Eventually([&] { return server_->executor().waiting() == 1; }));
    stream.Cancel();
    EXPECT_EQ(stream.Finish().code, RpcCode::kCancelled);
  }
  EXPECT_EQ(server_->Call(kInfo, "").code, RpcCode::kOk);
  LetGo();
  EXPECT_TRUE(Eventually([&] { return server_->observer().in_flight() == 0; }));
  EXPECT_EQ(catalog_->ran, 1);
  EXPECT_THAT(server_->observer().codes(), ElementsAre(Pair(RpcCode::kOk, 2), Pair(RpcCode::kCancelled, 1)));
}

TEST_F(OneThreadTest, BeyondTheQueueCallsAreToldToComeLater) {
  std::vector<std::future<RpcCode>> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(std::async(std::launch::async, [this] { return server_->Call(kTenant, "").code; }));
  }
  ASSERT_TRUE(Eventually([&] { return server_->executor().waiting() == 4; }));
  const auto answer = server_->Call(kTenant, "");
  EXPECT_EQ(answer.code, RpcCode::kResourceExhausted);
  EXPECT_EQ(answer.message, "too many calls are waiting; try again later");
  LetGo();
  for (auto& each : waiting) EXPECT_EQ(each.get(), RpcCode::kOk);
}

// Whoever comes with a new session id for each call is one caller all the same.
TEST_F(OneThreadTest, WhoHasManySessionsHasOneTurn) {
  server_->resolver().slow = true;
  std::mutex mutex;
  std::vector<std::string> order;
  catalog_->handler = [&](const RpcCall& call, const auto&) {
    const std::lock_guard lock(mutex);
    order.push_back(call.session_id.value_or(""));
    return Result<Empty>(Empty());
  };
  std::vector<std::future<RpcCode>> calls;
  const auto call = [&](const std::string& session, const std::string& token) {
    calls.push_back(std::async(std::launch::async, [=, this] {
      const Headers headers = {{"jammi-session-id", session}, {"authorization", "Bearer " + token}};
      return server_->Call(kTenant, "", {.headers = headers}).code;
    }));
    return Eventually([&] { return server_->executor().waiting() == calls.size(); });
  };
  for (const auto* session : {"a", "b", "c"}) ASSERT_TRUE(call(session, "writer"));
  ASSERT_TRUE(call("other", "reader"));
  LetGo();
  for (auto& each : calls) EXPECT_EQ(each.get(), RpcCode::kOk);
  EXPECT_THAT(order, ElementsAre("a", "other", "b", "c"));
}

TEST_F(OneThreadTest, ADrainLetsCallsComeToTheirEnd) {
  std::thread drain([&] { server_->server().Shutdown(Deadline::Never()); });
  LetGo();
  EXPECT_EQ(first_.get(), RpcCode::kOk);
  drain.join();
  first_ = std::async(std::launch::async, [] { return RpcCode::kOk; });
}

// --- Calls that nobody waits for any more

// The handler runs until its call is stopped.
class StoppedCallTest : public DispatcherTest {
 protected:
  StoppedCallTest() {
    catalog_->handler = [this](const RpcCall& call, const auto&) -> Result<Empty> {
      std::promise<void> stopped;
      const std::stop_callback on_stop(call.stop, [&] { stopped.set_value(); });
      entered_.set_value();
      if (stopped.get_future().wait_for(std::chrono::seconds(20)) != std::future_status::ready)
        return Empty();
      return Error(ErrorCode::kCancelled, "it was stopped");
    };
  }
  std::map<RpcCode, int> CodesAtTheEnd() {
    EXPECT_TRUE(Eventually([&] { return server_->observer().in_flight() == 0; }));
    return server_->observer().codes();
  }
  std::promise<void> entered_;
};

TEST_F(StoppedCallTest, ACallWhoseClientGoesIsStopped) {
  auto call = server_->channel().Stream(kTenant, "");
  entered_.get_future().wait();
  call.Cancel();
  EXPECT_EQ(call.Finish().code, RpcCode::kCancelled);
  EXPECT_THAT(CodesAtTheEnd(), ElementsAre(Pair(RpcCode::kCancelled, 1)));
}

TEST_F(StoppedCallTest, ACallWhoseDeadlinePassesIsStopped) {
  EXPECT_EQ(server_->Call(kTenant, "", {.timeout = std::chrono::milliseconds(100)}).code,
            RpcCode::kDeadlineExceeded);
  // The client, which has a deadline of its own, may say so before ours has passed.
  EXPECT_THAT(CodesAtTheEnd(), testing::AnyOf(ElementsAre(Pair(RpcCode::kDeadlineExceeded, 1)),
                                              ElementsAre(Pair(RpcCode::kCancelled, 1))));
}

TEST_F(StoppedCallTest, Srv010ACallThatOutlastsTheDrainIsStopped) {
  auto call = server_->channel().Stream(kTenant, "");
  entered_.get_future().wait();
  server_->Shutdown(Deadline::Now());
  EXPECT_EQ(call.Finish().code, RpcCode::kUnavailable);
  EXPECT_THAT(CodesAtTheEnd(), ElementsAre(Pair(RpcCode::kUnavailable, 1)));
}

// --- Counting

TEST_F(DispatcherTest, EachCallIsCountedOnceAtBothEnds) {
  (void)server_->Call(kInfo, "");
  (void)server_->Call(kTenant, "\xff");
  (void)server_->Call(kNotServed, "");
  EXPECT_TRUE(Eventually([&] { return server_->observer().ended() == 3; }));
  EXPECT_EQ(server_->observer().began(), 3);
  EXPECT_THAT(server_->observer().codes(),
              ElementsAre(Pair(RpcCode::kOk, 1), Pair(RpcCode::kInvalidArgument, 1),
                          Pair(RpcCode::kUnimplemented, 1)));
}

}  // namespace
}  // namespace jammi::test
