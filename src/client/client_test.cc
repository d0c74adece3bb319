// Calls of a server that does what each test wants.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "client/fake_server.h"
#include "client/rpc_channel.h"
#include "client/rpc_error.h"
#include "jammi/ids.h"
#include "jammi/v1/catalog.pb.h"

namespace jammi {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using v1::catalog::Tenant;

using Server = test::FakeServer<Tenant>;
using Answer = Server::Answer;

Tenant Text(const std::string& text) {
  Tenant message;
  message.set_id(text);
  return message;
}

Answer Echo(const Tenant* message) {
  if (message == nullptr) return {.end = true};
  return {.messages = {*message}};
}
Answer Silence(const Tenant* /*message*/) { return {}; }
Answer Three(const Tenant* message) {
  if (message == nullptr) return {};
  return {.messages = {Text("1"), Text("2"), Text("3")}, .end = true};
}
Answer Endless(const Tenant* message) {
  if (message == nullptr) return {};
  return {.messages = {Text("again")}, .endless = true};
}
Answer Refusal(const Tenant* /*message*/) {
  return {.end = true, .status = {grpc::StatusCode::NOT_FOUND, "topic 'quakes' not found"}};
}

class ClientTest : public testing::Test {
 protected:
  [[nodiscard]] RpcChannel Open(ChannelOptions options = {}) const {
    options.target = server_.target();
    return *RpcChannel::Open(options);
  }

  Server server_{{{"/t/Echo", Echo},
                  {"/t/Silence", Silence},
                  {"/t/Three", Three},
                  {"/t/Endless", Endless},
                  {"/t/Refusal", Refusal}}};
};

TEST_F(ClientTest, ACallBringsTheAnswer) {
  const RpcChannel channel = Open();
  const auto answer = channel.Call<Tenant>("/t/Echo", Text("hello"));
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->id(), "hello");
  EXPECT_EQ(server_.Header("jammi-session-id"), channel.session_id());
  EXPECT_TRUE(Uuid::Parse(channel.session_id()));
  EXPECT_NE(Open().session_id(), channel.session_id());
  EXPECT_EQ(server_.Header("authorization"), "");
}

TEST_F(ClientTest, EveryCallCarriesSessionAndToken) {
  const RpcChannel channel = Open({.session_id = "mine", .token = Secret("hunter2")});
  for (const bool stream : {false, true}) {
    if (stream) {
      auto call = channel.Converse<Tenant, Tenant>("/t/Echo");
      ASSERT_TRUE(call.Write(Text("x")));
      ASSERT_TRUE(call.Read());
    } else {
      ASSERT_TRUE(channel.Call<Tenant>("/t/Echo", Text("x")));
    }
    EXPECT_EQ(server_.Header("jammi-session-id"), "mine");
    EXPECT_EQ(server_.Header("authorization"), "Bearer hunter2");
  }
}

TEST_F(ClientTest, AnErrorKeepsTheServersText) {
  const auto answer = Open().Call<Tenant>("/t/Refusal", Text("x"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(answer.error().message(), "topic 'quakes' not found");
}

TEST_F(ClientTest, ADeadlineLeavesOpenWhatHappened) {
  const auto answer =
      Open({.call_timeout = std::chrono::milliseconds(50)}).Call<Tenant>("/t/Silence", Text("x"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), ErrorCode::kOutcomeUnknown);
}

TEST_F(ClientTest, AStreamEnds) {
  auto stream = Open().Stream<Tenant>("/t/Three", Text("go"));
  stream.AwaitHeaders();
  std::string all;
  for (auto message = stream.Read(); message && *message; message = stream.Read()) all += (*message)->id();
  EXPECT_EQ(all, "123");
  const auto after = stream.Read();  // the same again
  ASSERT_TRUE(after);
  EXPECT_FALSE(*after);
}

TEST_F(ClientTest, AStreamThatIsRefusedSaysSo) {
  auto stream = Open().Stream<Tenant>("/t/Refusal", Text("go"));
  stream.AwaitHeaders();
  for (int i = 0; i < 2; ++i) {
    const auto message = stream.Read();
    ASSERT_FALSE(message);
    EXPECT_EQ(message.error().code(), ErrorCode::kNotFound);
  }
}

TEST_F(ClientTest, AReaderThatWaitsIsCancelledByAnotherThread) {
  auto stream = Open().Stream<Tenant>("/t/Silence", Text("go"));
  stream.AwaitHeaders();
  std::jthread other([&] { stream.Cancel(); });
  const auto message = stream.Read();
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error().code(), ErrorCode::kCancelled);
}

TEST_F(ClientTest, AStreamThatIsDroppedIsCancelled) {
  {
    auto stream = Open().Stream<Tenant>("/t/Endless", Text("go"));
    ASSERT_TRUE(stream.Read());
  }
  while (server_.cancelled() == 0) std::this_thread::yield();
}

TEST_F(ClientTest, BothSidesSend) {
  auto call = Open().Converse<Tenant, Tenant>("/t/Echo");
  for (const auto* text : {"a", "b"}) {
    ASSERT_TRUE(call.Write(Text(text)));
    const auto answer = call.Read();
    ASSERT_TRUE(answer && *answer);
    EXPECT_EQ((*answer)->id(), text);
  }
  call.WritesDone();
  const auto end = call.Read();
  ASSERT_TRUE(end);
  EXPECT_FALSE(*end);
}

TEST_F(ClientTest, Cli005ADeadServerIsNamed) {
  const RpcChannel channel = *RpcChannel::Open({.target = "grpc://127.0.0.1:1"});
  const auto connected = channel.Connect();
  ASSERT_FALSE(connected);
  EXPECT_EQ(connected.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(connected.error().message(),
              AllOf(HasSubstr("cannot connect to grpc://127.0.0.1:1: "), HasSubstr("refused")));
  EXPECT_TRUE(Open().Connect());
}

TEST_F(ClientTest, Cli005AServerThatSaysNothingIsGivenUp) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{
      .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length), 0);
  const std::string target = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  const RpcChannel channel =
      *RpcChannel::Open({.target = target, .connect_timeout = std::chrono::milliseconds(250)});
  const auto connected = channel.Connect();
  ASSERT_FALSE(connected);
  EXPECT_EQ(connected.error().message(), "cannot connect to " + target + ": no answer within 250 ms");
  ::close(listener);
}

TEST_F(ClientTest, WhatNoHeaderCarriesIsRefusedBeforeAnyCall) {
  for (const auto& text :
       std::vector<std::string>{"two words", "line\nend", "m\xc3\xbcll", std::string(1, '\0')}) {
    const auto token = RpcChannel::Open({.token = Secret(text)});
    ASSERT_FALSE(token);
    EXPECT_THAT(token.error().message(), AllOf(HasSubstr("token"), Not(HasSubstr("words"))));
    const auto session = RpcChannel::Open({.session_id = text});
    ASSERT_FALSE(session);
    EXPECT_EQ(session.error().code(), ErrorCode::kInvalidArgument);
  }
}

TEST_F(ClientTest, TheFileOfAuthoritiesIsLookedAt) {
  const auto open = [](const std::string& target, const std::string& file) {
    const auto channel = RpcChannel::Open({.target = target, .ca_file = file});
    return channel ? "" : channel.error().message();
  };
  EXPECT_THAT(open("grpcs://h:1", "/nowhere/ca.pem"), HasSubstr("there is no such file"));
  EXPECT_THAT(open("grpcs://h:1", "/dev/null"), HasSubstr("no certificate in PEM form"));
  EXPECT_THAT(open("grpcs://h:1", "/tmp"), HasSubstr("it is a directory"));
  EXPECT_THAT(open("grpc://h:1", "/dev/null"), HasSubstr("--ca is for TLS"));
}

TEST(RpcErrorTest, EveryCodeHasAMeaning) {
  const auto code = [](int value) {
    return FromStatus(grpc::Status(static_cast<grpc::StatusCode>(value), "text")).code();
  };
  using enum ErrorCode;
  const std::vector<ErrorCode> expected = {
      kCancelled,          kOutcomeUnknown, kInvalidArgument,  kOutcomeUnknown,
      kNotFound,           kAlreadyExists,  kPermissionDenied, kResourceExhausted,
      kFailedPrecondition, kAborted,        kInvalidArgument,  kUnimplemented,
      kInternal,           kUnavailable,    kDataLoss,         kPermissionDenied};
  for (int value = 1; value <= 16; ++value) EXPECT_EQ(code(value), expected[value - 1]) << value;
}

TEST(RpcErrorTest, WhoIsNotKnownIsToldHowToSayIt) {
  const Error error = FromStatus({grpc::StatusCode::UNAUTHENTICATED, "no credential"});
  EXPECT_EQ(error.code(), ErrorCode::kPermissionDenied);
  EXPECT_EQ(error.message(),
            "not authenticated: no credential (a token is given with --token or JAMMI_TOKEN)");
  EXPECT_EQ(FromStatus({grpc::StatusCode::UNIMPLEMENTED, ""}).message(),
            "the server answered UNIMPLEMENTED without a text");
}

// The reasons are gRPC 1.51's own.
TEST(RpcErrorTest, WhyThereIsNoConnectionAndWhatToDo) {
  const auto text = [](std::string_view reason) { return CannotConnect("t", false, reason).message(); };
  EXPECT_EQ(
      text("failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Failed to connect to "
           "remote host: Connection refused"),
      "cannot connect to t: Connection refused (is jammi-server running there?)");
  EXPECT_EQ(
      text("failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:8080: Trying to connect "
           "an http1.x server"),
      "cannot connect to t: ipv4:127.0.0.1:8080: Trying to connect an http1.x server (is that its health "
      "port? Calls have another one, 8081 by default)");
  EXPECT_EQ(text("DNS resolution failed for nohost.invalid:81: C-ares status is not ARES_SUCCESS qtype=AAAA "
                 "name=nohost.invalid is_balancer=0: Domain name not found"),
            "cannot connect to t: its name cannot be resolved");
  EXPECT_EQ(text("something else"), "cannot connect to t: something else");
}

}  // namespace
}  // namespace jammi
