#include "http/ready_check.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "http/http_server.h"
#include "http/probes.h"

namespace jammi {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

// Answers the first connection with `bytes`, and closes it.
class FakeServer {
 public:
  explicit FakeServer(std::string bytes) : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::jthread([this, bytes = std::move(bytes)] {
      const int client = accept(listener_, nullptr, nullptr);
      send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      shutdown(client, SHUT_WR);
      char scratch[4096];
      while (recv(client, scratch, sizeof scratch, 0) > 0) {
      }
      close(client);
    });
  }
  ~FakeServer() {
    thread_.join();
    close(listener_);
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  int listener_;
  std::string address_;
  std::jthread thread_;
};

// W-16
TEST(ReadyCheck, W16SaysWhetherAServerIsReady) {
  const ServerMetrics metrics("1");
  Result<Readiness> state;
  Probes probes("1", metrics, [&] { return state; });
  const auto server = HttpServer::Bind("127.0.0.1:0", {}, probes.Handler()).value();
  server->Serve();
  EXPECT_TRUE(CheckReady(server->address(), 20s));
  state = Readiness{.degraded = "the broker is away"};
  EXPECT_TRUE(CheckReady(server->address(), 20s));

  state = Error(ErrorCode::kUnavailable, "catalog: no route");
  const auto failing = CheckReady(server->address(), 20s);
  ASSERT_FALSE(failing);
  EXPECT_EQ(failing.error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(failing.error().message(), server->address() + ": not ready: catalog: no route");

  server->Stop();
  const auto gone = CheckReady(server->address(), 20s);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(gone.error().message(), AllOf(HasSubstr(server->address()), HasSubstr("refused")));
}

TEST(ReadyCheck, W16AServerThatDoesNotAnswerInTime) {
  // It listens, and serves nobody.
  const auto server = HttpServer::Bind("127.0.0.1:0", {}, [](const HttpRequest&, HttpRespond) {}).value();
  const auto ready = CheckReady(server->address(), 50ms);
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().code(), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(ready.error().message(), server->address() + ": no answer within 50 ms");
}

TEST(ReadyCheck, W16AddressesThatCannotBe) {
  for (const std::string address : {"", "localhost:8080", "127.0.0.1", "127.0.0.1:x"}) {
    const auto ready = CheckReady(address, 1s);
    ASSERT_FALSE(ready) << address;
    EXPECT_EQ(ready.error().code(), ErrorCode::kInvalidArgument) << address;
    EXPECT_THAT(ready.error().message(), HasSubstr("'" + address + "'"));
  }
}

TEST(ReadyCheck, W16AnotherServersAnswers) {
  for (const auto& [bytes, message] :
       {std::pair<std::string, std::string>{"", "end of stream"},
        {"SSH-2.0-OpenSSH_9.2\r\n", "bad"},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n[]", "it answers 404"},
        {"HTTP/1.1 503 X\r\nContent-Length: 12\r\n\r\n{\"detail\":1}", "it answers 503"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", "partial"},
        {"HTTP/1.1 200 OK\r\n\r\n" + std::string(1 << 20, 'x'), "limit"}}) {
    const FakeServer server(bytes);
    const auto ready = CheckReady(server.address(), 20s);
    ASSERT_FALSE(ready) << bytes.substr(0, 40);
    EXPECT_EQ(ready.error().code(), ErrorCode::kUnavailable);
    EXPECT_THAT(ready.error().message(), HasSubstr(message));
  }
}

}  // namespace
}  // namespace jammi
