// Clients that mean ill, or know no better.
#include <gmock/gmock.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "http/http_server.h"
#include "http/raw_client.h"

namespace jammi {
namespace {

using namespace std::chrono_literals;
using testing::AnyOf;
using testing::StartsWith;

constexpr size_t kLarge = 64 << 20;
constexpr std::string_view kRequest = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n";

class HostileClient : public testing::Test {
 protected:
  // Answers "fine", and to /large more than any socket buffers.
  void Start(const HttpOptions& options = {}) {
    auto bound =
        HttpServer::Bind("127.0.0.1:0", options, [](const HttpRequest& request, HttpRespond respond) {
          respond({.body = request.path == "/large" ? std::string(kLarge, 'x') : "fine", .allow = {}});
        });
    ASSERT_TRUE(bound);
    server_ = std::move(*bound);
    server_->Serve();
  }
  RawClient Connect() { return RawClient(server_->address()); }
  // All that comes after `bytes`, until the server closes the connection.
  std::string Send(std::string_view bytes) {
    auto client = Connect();
    client.Send(bytes);
    return client.ReadToEnd();
  }
  void ExpectOthersAreServed() { EXPECT_EQ(BodyOf(Get(server_->address(), "/x")), "fine"); }

  std::unique_ptr<HttpServer> server_;
};

TEST_F(HostileClient, SlowRequestsAreCutOff) {
  Start({.read_timeout = 100ms});
  auto silent = Connect();
  auto half = Connect();
  half.Send("GET /x HTTP/1.1\r\nHost:");
  auto half_body = Connect();
  half_body.Send("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  // A byte now and then does not help: the limit is for the whole of it. Sending ends when the server closes.
  auto dripping = Connect();
  dripping.Send("GET /x HTTP/1.1\r\n");
  while (dripping.Send("a")) {
  }
  EXPECT_EQ(silent.ReadToEnd(), "");
  EXPECT_EQ(half.ReadToEnd(), "");
  EXPECT_EQ(half_body.ReadToEnd(), "");
  ExpectOthersAreServed();
}

TEST_F(HostileClient, WhoAsksNothingMoreIsClosed) {
  Start({.idle_timeout = 50ms});
  auto client = Connect();
  client.Send(kRequest);
  EXPECT_EQ(BodyOf(client.ReadToEnd()), "fine");
}

TEST_F(HostileClient, WhoReadsNothingIsCutOff) {
  // Stopping waits for what is under way, here for the time limit of the answer and nothing else.
  Start({.write_timeout = 100ms, .stop_timeout = 10min});
  auto client = Connect();
  client.Send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  ExpectOthersAreServed();
  server_->Stop();
  EXPECT_LT(client.ReadToEnd().size(), kLarge);
}

TEST_F(HostileClient, HeaderFloodsAre431) {
  Start();
  std::string many = "GET /x HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 50'000; ++i) many += "A: b\r\n";
  for (const auto& flood : {many, "GET /x HTTP/1.1\r\nHost: x\r\nA: " + std::string(1 << 20, 'b'),
                            "GET /" + std::string(1 << 20, 'x'), std::string(1 << 20, 'x')}) {
    EXPECT_THAT(Send(flood), AnyOf(StartsWith("HTTP/1.1 431 "), StartsWith("HTTP/1.1 400 ")))
        << flood.substr(0, 20);
  }
  EXPECT_THAT(Send(many), StartsWith("HTTP/1.1 431 Request Header Fields Too Large\r\n"));
  ExpectOthersAreServed();
}

// The server reads on for a while: a connection that is closed with unread input is reset, and the answer
// lost.
TEST_F(HostileClient, TheAnswerToAFloodArrives) {
  Start();
  auto client = Connect();
  EXPECT_TRUE(client.Send("GET /x HTTP/1.1\r\nHost: x\r\nA: " + std::string(200'000, 'b')));
  client.FinishSending();
  EXPECT_THAT(client.ReadToEnd(), StartsWith("HTTP/1.1 431 "));
  EXPECT_FALSE(client.was_reset());
}

// But not for ever, whether the client goes on or says no more: the place is another's then.
TEST_F(HostileClient, WhoGoesOnSendingBehindARefusalIsCutOff) {
  Start();
  auto client = Connect();
  EXPECT_FALSE(client.Send("hello\r\n\r\n" + std::string(kLarge, 'x')));
}

TEST_F(HostileClient, WhoKeepsOpenWhatWasRefusedGivesItsPlaceBack) {
  Start({.max_connections = 1});
  auto client = Connect();
  client.Send("hello\r\n\r\n");
  EXPECT_THAT(client.ReadToEnd(), StartsWith("HTTP/1.1 400 "));
  const auto late = std::chrono::steady_clock::now() + 20s;
  bool served = false;
  while (!served && std::chrono::steady_clock::now() < late) {
    served = BodyOf(Get(server_->address(), "/x")) == "fine";
  }
  EXPECT_TRUE(served);
}

TEST_F(HostileClient, WhatIsNoRequestIs400) {
  Start();
  using namespace std::string_literals;
  for (const auto& bytes :
       {"\r\n\r\n\r\n\r\n"s, "hello\r\n\r\n"s, "GET\r\n\r\n"s, "GET /x\r\n\r\n"s, "GET  HTTP/1.1\r\n\r\n"s,
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s,  // TLS
        "\0\0\0\0\r\n\r\n"s, "GET /x HTTP/1.1\r\n\r\n"s,  // no Host
        "GET /x HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"s, "GET /x HTTP/1.1\r\nHost: x\r\nA\0: b\r\n\r\n"s,
        "GET /x HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"s,
        "GET /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"s,
        "GET /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"s,
        "GET /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"s,
        "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n"s}) {
    EXPECT_THAT(Send(bytes), StartsWith("HTTP/1.1 400 Bad Request\r\n")) << testing::PrintToString(bytes);
  }
  EXPECT_EQ(BodyOf(Send("hello\r\n\r\n")), R"({"error":"Bad request","code":"bad_request"})");
  ExpectOthersAreServed();
}

TEST_F(HostileClient, OtherVersionsAre505) {
  Start();
  for (const std::string bytes : {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /x HTTP/3.0\r\nHost: x\r\n\r\n"}) {
    EXPECT_THAT(Send(bytes), StartsWith("HTTP/1.1 505 ")) << bytes;
  }
}

// What follows a request that was refused is not taken for another one.
TEST_F(HostileClient, NothingIsReadAfterABadRequest) {
  Start();
  const std::string all =
      Send("GET /x HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n" + std::string(kRequest));
  EXPECT_THAT(all, StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(all.find("HTTP/1.1", 1), std::string::npos);
}

TEST_F(HostileClient, HalfClosedConnections) {
  Start();
  auto whole = Connect();
  whole.Send(kRequest);
  whole.FinishSending();
  EXPECT_EQ(BodyOf(whole.ReadToEnd()), "fine");
  auto half = Connect();
  half.Send("GET /x HT");
  half.FinishSending();
  EXPECT_THAT(half.ReadToEnd(), AnyOf("", StartsWith("HTTP/1.1 400 ")));
  auto nothing = Connect();
  nothing.FinishSending();
  EXPECT_EQ(nothing.ReadToEnd(), "");
  ExpectOthersAreServed();
}

TEST_F(HostileClient, ResetsAtAnyMoment) {
  Start();
  for (size_t size = 0; size <= kRequest.size(); ++size) {
    auto client = Connect();
    client.Send(kRequest.substr(0, size));
    client.Reset();
  }
  ExpectOthersAreServed();
}

TEST_F(HostileClient, OneConnectionTooManyIs503) {
  Start({.max_connections = 3});
  std::vector<RawClient> held;
  for (int i = 0; i < 3; ++i) {
    held.push_back(Connect());
    held.back().Send(kRequest);
    EXPECT_EQ(BodyOf(held.back().Read()), "fine");  // it is in, and stays
  }
  for (int i = 0; i < 5; ++i) {
    const std::string refused = Send(kRequest);
    EXPECT_THAT(refused, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
    EXPECT_EQ(BodyOf(refused), R"({"error":"Too many connections","code":"unavailable"})");
  }
  held[0].Send(kRequest);
  EXPECT_EQ(BodyOf(held[0].Read()), "fine");  // who is in is served
  // One goes, and there is room: as soon as the server has seen it go.
  held.pop_back();
  std::string response;
  for (int i = 0; i < 10'000 && !response.starts_with("HTTP/1.1 200"); ++i)
    response = Send(std::string("GET /x HTTP/1.0\r\n\r\n"));
  EXPECT_EQ(BodyOf(response), "fine");
}

// Some are told, all go, and those who are in never notice.
TEST_F(HostileClient, AThousandConnections) {
  Start({.max_connections = 16});
  std::vector<RawClient> in;
  for (int i = 0; i < 16; ++i) {
    in.push_back(Connect());
    in.back().Send(kRequest);
    EXPECT_EQ(BodyOf(in.back().Read()), "fine");
  }
  for (int round = 0; round < 5; ++round) {
    std::vector<RawClient> crowd;
    crowd.reserve(200);
    for (int i = 0; i < 200; ++i) crowd.push_back(Connect());
    for (auto& client : crowd) EXPECT_THAT(client.ReadToEnd(), AnyOf("", StartsWith("HTTP/1.1 503 ")));
  }
  for (auto& client : in) {
    client.Send(kRequest);
    EXPECT_EQ(BodyOf(client.Read()), "fine");
  }
}

}  // namespace
}  // namespace jammi
