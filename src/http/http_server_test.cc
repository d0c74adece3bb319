#include "http/http_server.h"

#include <gmock/gmock.h>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "http/raw_client.h"

namespace jammi {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kLoopback = "127.0.0.1:0";

// Says what was asked.
void Echo(const HttpRequest& request, HttpRespond respond) {
  respond({.content_type = "text/plain", .body = request.method + " " + request.path, .allow = {}});
}

std::unique_ptr<HttpServer> Listening(HttpHandler handler, const HttpOptions& options = {},
                                      std::string_view address = kLoopback) {
  auto server = HttpServer::Bind(address, options, std::move(handler));
  EXPECT_TRUE(server) << server.error().message();
  return std::move(*server);
}

std::unique_ptr<HttpServer> Serving(HttpHandler handler, const HttpOptions& options = {},
                                    std::string_view address = kLoopback) {
  auto server = Listening(std::move(handler), options, address);
  server->Serve();
  return server;
}

// Keeps what it is asked, for the test to answer when it likes.
class Desk {
 public:
  HttpHandler Handler() {
    return [this](const HttpRequest& request, HttpRespond respond) {
      const std::lock_guard lock(mutex_);
      waiting_.emplace_back(request.path, std::move(respond));
      came_.notify_all();
    };
  }
  // The next request that came, when it has.
  std::pair<std::string, HttpRespond> Next() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(came_.wait_for(lock, 20s, [this] { return !waiting_.empty(); }));
    auto next = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    return next;
  }
  size_t waiting() {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<std::pair<std::string, HttpRespond>> waiting_;
};

TEST(HttpServer, AnswersInFull) {
  const auto server = Serving(Echo);
  const std::string response = Get(server->address(), "/a?b=c");
  EXPECT_EQ(StatusOf(response), "HTTP/1.1 200 OK");
  EXPECT_EQ(BodyOf(response), "GET /a");
  EXPECT_THAT(response,
              AllOf(HasSubstr("\r\nContent-Type: text/plain\r\n"), HasSubstr("\r\nContent-Length: 6\r\n"),
                    HasSubstr("\r\nCache-Control: no-store\r\n"),
                    testing::ContainsRegex("\r\nDate: [A-Z][a-z]+, [0-9]+ [A-Z][a-z]+ 20[0-9]+ "
                                           "[0-9]+:[0-9]+:[0-9]+ GMT\r\n")));
}

// SRV-008: a client that connects before anybody serves waits, and is answered.
TEST(HttpServer, Srv008NoGapBetweenBindingAndServing) {
  const auto server = Listening(Echo);
  RawClient early(server->address());
  early.Send("GET /early HTTP/1.1\r\nHost: x\r\n\r\n");
  server->Serve();
  EXPECT_EQ(BodyOf(early.Read()), "GET /early");
}

TEST(HttpServer, Case08AnAddressIsBoundOnceAndFreeAfterwards) {
  auto server = Serving(Echo);
  const std::string address = server->address();
  EXPECT_THAT(address, AllOf(StartsWith("127.0.0.1:"), Not(EndsWith(":0"))));
  const auto second = HttpServer::Bind(address, {}, Echo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(second.error().message(), AllOf(HasSubstr(address), HasSubstr("in use")));
  // A connection that the server has closed is remembered by the system for a minute.
  Get(address, "/");
  server.reset();
  EXPECT_TRUE(HttpServer::Bind(address, {}, Echo));
}

TEST(HttpServer, ListensOnIpv6) {
  const auto server = Serving(Echo, {}, "[::1]:0");
  EXPECT_THAT(server->address(), StartsWith("[::1]:"));
  EXPECT_EQ(BodyOf(Get(server->address(), "/v6")), "GET /v6");
}

// Case 6 of section 11.
TEST(HttpServer, Case06AddressesThatCannotBe) {
  for (const std::string address :
       {"", "localhost:80", "127.0.0.1", "127.0.0.1:65536", "::1:80", "[127.0.0.1]:80", "127.0.0.1:8x"}) {
    const auto server = HttpServer::Bind(address, {}, Echo);
    ASSERT_FALSE(server) << address;
    EXPECT_EQ(server.error().code(), ErrorCode::kInvalidArgument) << address;
    EXPECT_THAT(server.error().message(), HasSubstr("'" + address + "'"));
  }
  const auto foreign = HttpServer::Bind("192.0.2.1:0", {}, Echo);  // of documents, and no machine
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(foreign.error().message(), HasSubstr("192.0.2.1:0"));
}

TEST(HttpServer, AConnectionServesManyRequests) {
  const auto server = Serving(Echo);
  RawClient client(server->address());
  for (const std::string path : {"/1", "/2", "/3"}) {
    client.Send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string response = client.Read();
    EXPECT_EQ(BodyOf(response), "GET " + path);
    EXPECT_THAT(response, Not(HasSubstr("Connection:")));
  }
  client.Send("GET /4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.ReadToEnd(), AllOf(HasSubstr("\r\nConnection: close\r\n"), EndsWith("GET /4")));
}

TEST(HttpServer, Http10IsAnsweredAndClosed) {
  const auto server = Serving(Echo);
  RawClient client(server->address());
  client.Send("GET /old HTTP/1.0\r\n\r\n");
  EXPECT_THAT(client.ReadToEnd(), EndsWith("GET /old"));
}

TEST(HttpServer, HeadIsGetWithoutTheBody) {
  const auto server = Serving(Echo);
  RawClient client(server->address());
  client.Send("HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string response = client.ReadToEnd();
  EXPECT_EQ(StatusOf(response), "HTTP/1.1 200 OK");
  EXPECT_THAT(response, HasSubstr("\r\nContent-Length: 6\r\n"));
  EXPECT_EQ(BodyOf(response), "");
}

TEST(HttpServer, TheAbsoluteFormIsUnderstood) {
  const auto server = Serving(Echo);
  EXPECT_EQ(BodyOf(Get(server->address(), "http://host:8080/readyz?verbose")), "GET /readyz");
  EXPECT_EQ(BodyOf(Get(server->address(), "http://host")), "GET /");
}

TEST(HttpServer, PipelinedRequestsAreAnsweredInOrder) {
  Desk desk;
  const auto server = Serving(desk.Handler());
  RawClient client(server->address());
  std::string all;
  constexpr int kRequests = 200;
  for (int i = 0; i < kRequests; ++i) all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  std::jthread sender([&] { client.Send(all); });
  for (int i = 0; i < kRequests; ++i) {
    auto [path, respond] = desk.Next();
    EXPECT_EQ(path, "/" + std::to_string(i));
    EXPECT_EQ(desk.waiting(), 0);  // the next one is not looked at before this one has its answer
    respond({.body = path, .allow = {}});
    EXPECT_EQ(BodyOf(client.Read()), path);
  }
}

TEST(HttpServer, ASmallBodyIsReadAndIgnored) {
  const auto server = Serving(Echo, {.max_body_bytes = 8});
  RawClient client(server->address());
  client.Send("POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nGET /no ");
  EXPECT_EQ(BodyOf(client.Read()), "POST /1");
  client.Send(
      "PUT /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\ndefgh\r\n0\r\n\r\n");
  EXPECT_EQ(BodyOf(client.Read()), "PUT /2");
  client.Send("GET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(BodyOf(client.Read()), "GET /3");
}

TEST(HttpServer, ALargeBodyIs413) {
  const auto server = Serving(Echo, {.max_body_bytes = 8});
  for (const std::string body :
       {"Content-Length: 9\r\n\r\nabcdefghi", "Content-Length: 18446744073709551615\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nffffffff\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n5\r\nabcde\r\n0\r\n\r\n"}) {
    RawClient client(server->address());
    client.Send("POST / HTTP/1.1\r\nHost: x\r\n" + body);
    const std::string response = client.ReadToEnd();
    EXPECT_EQ(StatusOf(response), "HTTP/1.1 413 Payload Too Large") << body;
    EXPECT_EQ(BodyOf(response), R"({"error":"Payload too large","code":"payload_too_large"})") << body;
  }
}

// A client that waits for "100 Continue" gets the answer instead, and its body is not read.
TEST(HttpServer, ABodyThatIsAnnouncedIsNotWaitedFor) {
  const auto server = Serving(Echo);
  RawClient client(server->address());
  client.Send("PUT /x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_THAT(client.ReadToEnd(), AllOf(StartsWith("HTTP/1.1 200 OK"), EndsWith("PUT /x")));
}

TEST(HttpServer, AnswersComeFromAnyThread) {
  Desk desk;
  const auto server = Serving(desk.Handler());
  RawClient first(server->address());
  RawClient second(server->address());
  first.Send("GET /first HTTP/1.1\r\nHost: x\r\n\r\n");
  auto slow = desk.Next();
  second.Send("GET /second HTTP/1.1\r\nHost: x\r\n\r\n");
  desk.Next().second({.body = "second", .allow = {}});  // the first holds nobody up
  EXPECT_EQ(BodyOf(second.Read()), "second");
  std::jthread([&] { slow.second({.status = 418, .body = "first", .allow = {}}); }).join();
  EXPECT_THAT(first.Read(), AllOf(StartsWith("HTTP/1.1 418 "), EndsWith("first")));
}

// A fuzzer has a timer whose signal came in the middle of a client's call, and was taken for a finding.
TEST(RawClientTest, ASignalEndsNoCall) {
  static std::atomic<int> heard = 0;
  struct sigaction count {};
  count.sa_handler = [](int) { ++heard; };
  struct sigaction before {};
  ASSERT_EQ(sigaction(SIGUSR1, &count, &before), 0);
  Desk desk;
  const auto server = Serving(desk.Handler());
  std::string body;
  std::thread client([&] { body = BodyOf(Get(server->address(), "/")); });
  auto respond = desk.Next().second;
  for (int sent = 1; sent <= 100; ++sent) {
    ASSERT_EQ(pthread_kill(client.native_handle(), SIGUSR1), 0);
    while (heard < sent) std::this_thread::yield();
  }
  respond({.body = "whole", .allow = {}});
  client.join();
  EXPECT_EQ(body, "whole");
  sigaction(SIGUSR1, &before, nullptr);
}

TEST(HttpServer, AHandlerThatDoesNotAnswerIs503) {
  Desk desk;
  const auto server = Serving(desk.Handler(), {.answer_timeout = 50ms});
  RawClient client(server->address());
  client.Send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
  auto late = desk.Next().second;
  const std::string response = client.Read();
  EXPECT_EQ(StatusOf(response), "HTTP/1.1 503 Service Unavailable");
  EXPECT_EQ(BodyOf(response), R"({"error":"No answer in time","code":"unavailable"})");
  // What comes too late is not taken for the answer to the next request.
  client.Send("GET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  auto next = desk.Next().second;
  late({.body = "late", .allow = {}});
  next({.body = "next", .allow = {}});
  EXPECT_EQ(BodyOf(client.Read()), "next");
}

TEST(HttpServer, AHandlerThatThrowsCostsItsRequestAlone) {
  const auto server = Serving(
      [](const HttpRequest& request, HttpRespond respond) {
        if (request.path == "/throw") throw std::runtime_error("thrown by a test");
        Echo(request, std::move(respond));
      },
      {.answer_timeout = 50ms});
  EXPECT_THAT(Get(server->address(), "/throw"), StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(BodyOf(Get(server->address(), "/x")), "GET /x");
}

// SRV-009, SRV-011
TEST(HttpServer, Srv009StoppingAnswersWhatIsUnderWay) {
  Desk desk;
  const auto server = Serving(desk.Handler());
  RawClient idle(server->address());
  RawClient busy(server->address());
  busy.Send("GET /busy HTTP/1.1\r\nHost: x\r\n\r\n");
  auto request = desk.Next();
  std::jthread stopper([&] { server->Stop(); });
  EXPECT_EQ(idle.ReadToEnd(), "");  // closed at once
  request.second({.body = "done", .allow = {}});
  EXPECT_THAT(busy.ReadToEnd(), AllOf(HasSubstr("\r\nConnection: close\r\n"), EndsWith("done")));
}

TEST(HttpServer, Srv009StoppingHasALimit) {
  Desk desk;
  auto server = Serving(desk.Handler(), {.stop_timeout = 50ms});
  RawClient unanswered(server->address());
  unanswered.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  auto request = desk.Next();
  RawClient half(server->address());
  half.Send("GET / HT");
  server->Stop();
  server->Stop();
  EXPECT_EQ(unanswered.ReadToEnd(), "");
  EXPECT_EQ(half.ReadToEnd(), "");
  server.reset();
  request.second({.body = "nobody is there", .allow = {}});
}

TEST(HttpServer, MayStopBeforeItServes) {
  const auto server = Listening(Echo);
  RawClient early(server->address());
  server->Stop();
  EXPECT_EQ(early.ReadToEnd(), "");
  server->Serve();
  server->Stop();
}

}  // namespace
}  // namespace jammi
