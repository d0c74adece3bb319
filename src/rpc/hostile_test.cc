// Clients that are broken or mean no good, over real sockets: they harm themselves alone.
#include <gmock/gmock.h>
#include <google/protobuf/empty.pb.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/sync_point.h"
#include "jammi/v1/audit.pb.h"
#include "rpc/raw_http2.h"
#include "rpc/rpc_fixture.h"

namespace jammi::test {
namespace {

namespace audit_wire = ::jammi::v1::audit;
using google::protobuf::Empty;
using testing::HasSubstr;

constexpr auto kLog = "/jammi.v1.audit.AuditService/AuditLog";

class Audit final : public RpcService {
 public:
  Audit() : RpcService("jammi.v1.audit.AuditService") {
    Unary<audit_wire::AuditLogRequest, Empty>("AuditLog", {}, [this](const auto&, const auto& request) {
      ++ran;
      last = request.records_size();
      return Result<Empty>(Empty());
    });
  }
  std::atomic<int> ran = 0;
  std::atomic<int> last = 0;
};

size_t OpenFiles() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

size_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  size_t all = 0;
  size_t resident = 0;
  statm >> all >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// As many descriptors as are asked for, if the machine allows them, as long as it lives.
class MoreDescriptors {
 public:
  explicit MoreDescriptors(rlim_t wanted) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit more{.rlim_cur = std::max(before_.rlim_cur, wanted), .rlim_max = before_.rlim_max};
    granted_ = setrlimit(RLIMIT_NOFILE, &more) == 0;
  }
  ~MoreDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
  MoreDescriptors(const MoreDescriptors&) = delete;
  MoreDescriptors& operator=(const MoreDescriptors&) = delete;

  [[nodiscard]] bool granted() const { return granted_; }

 private:
  rlimit before_{};
  bool granted_ = false;
};

// Connections that have said hello and say no more, in a process of their own: two ends of each would be more
// descriptors than many machines allow a process.
class IdleConnections {
 public:
  IdleConnections(const std::string& address, size_t count) {
    if (pipe(ready_) != 0 || pipe(let_go_) != 0) std::abort();
    child_ = fork();
    if (child_ != 0) {
      close(ready_[1]);
      close(let_go_[0]);
      return;
    }
    close(let_go_[1]);
    Hold(address, count);
    _exit(0);
  }
  ~IdleConnections() {
    close(let_go_[1]);
    waitpid(child_, nullptr, 0);
    close(ready_[0]);
  }
  IdleConnections(const IdleConnections&) = delete;
  IdleConnections& operator=(const IdleConnections&) = delete;

  // The server has answered each. false: there are not as many.
  [[nodiscard]] bool Await() const {
    char said = 0;
    return read(ready_[0], &said, 1) == 1;
  }

 private:
  void Hold(const std::string& address, size_t count) const {
    constexpr std::string_view kSettingsTaken("\4\1\0\0\0\0", 6);
    std::vector<RawConnection> idle;
    for (size_t i = 0; i < count; ++i) {
      idle.emplace_back(address);
      idle.back().Send(Hello());
    }
    for (auto& each : idle) {
      if (!each.ReadUntil(kSettingsTaken).contains(kSettingsTaken)) return;
    }
    char said = 'r';
    if (write(ready_[1], &said, 1) == 1) (void)!read(let_go_[0], &said, 1);
  }

  int ready_[2];
  int let_go_[2];
  pid_t child_;
};

class HostileTest : public testing::Test {
 protected:
  HostileTest() { Start({}); }
  void Start(const TestServerOptions& options) {
    server_.reset();
    auto audit = std::make_unique<Audit>();
    audit_ = audit.get();
    std::vector<std::unique_ptr<RpcService>> services;
    services.push_back(std::move(audit));
    server_ = std::make_unique<TestRpcServer>(std::move(services), options);
    EXPECT_TRUE(Serves());  // and the channel is connected
  }
  // Somebody else is served as ever.
  [[nodiscard]] testing::AssertionResult Serves() {
    for (const auto& answer : {server_->Call(kLog, ""), TestChannel(server_->address()).Call(kLog, "")})
      if (answer.code != RpcCode::kOk) return testing::AssertionFailure() << answer.message;
    return testing::AssertionSuccess();
  }
  [[nodiscard]] RawConnection Raw() { return RawConnection(server_->address()); }

  Audit* audit_ = nullptr;
  std::unique_ptr<TestRpcServer> server_;
};

TEST_F(HostileTest, AMessageAboveTheLimitIsRefusedUnread) {
  Start({.max_receive_bytes = 100'000});
  const int ran = audit_->ran;
  const auto answer = server_->Call(kLog, std::string(100'001, '\0'));
  EXPECT_EQ(answer.code, RpcCode::kResourceExhausted);
  EXPECT_THAT(answer.message, HasSubstr("100001"));
  EXPECT_EQ(audit_->ran, ran);
  // A length is believed by nobody: 4 GiB are announced, none come, and none are set aside.
  auto raw = Raw();
  const std::string announced("\0\xff\xff\xff\xff", 5);
  EXPECT_TRUE(raw.Send(Hello() + Frame(FrameType::kHeaders, kEndHeaders, 1, CallFields(kLog)) +
                       Frame(FrameType::kData, 0, 1, announced)));
  EXPECT_TRUE(Serves());
}

// A small message that unpacks to a large one: gRPC would unpack first and measure then.
TEST_F(HostileTest, WhatIsCompressedIsRefusedAndNotUnpacked) {
  const int ran = audit_->ran;
  const auto answer = server_->Call(kLog, std::string(50'000'000, '\0'), {.gzip = true});
  EXPECT_EQ(answer.code, RpcCode::kUnimplemented);
  EXPECT_THAT(answer.message, HasSubstr("gzip"));
  EXPECT_EQ(audit_->ran, ran);
  // The flag alone, without the header that says with what.
  auto raw = Raw();
  EXPECT_TRUE(raw.Send(Hello() + Frame(FrameType::kHeaders, kEndHeaders, 1, CallFields(kLog)) +
                       Frame(FrameType::kData, kEndStream, 1, Message("\x1f\x8b\x08", true))));
  EXPECT_THAT(raw.ReadUntil("grpc-status"), HasSubstr("grpc-status"));
  EXPECT_EQ(audit_->ran, ran);
  EXPECT_TRUE(Serves());
}

// The call is refused; where the excess comes in pieces, gRPC closes the connection instead. Either way it is
// the sender's own.
TEST_F(HostileTest, HeadersAboveTheLimitEndTheirCall) {
  const int ran = audit_->ran;
  const auto refused = [&](const Headers& headers) {
    return TestChannel(server_->address()).Call(kLog, "", {.headers = headers}).code;
  };
  const auto is_refusal = testing::AnyOf(RpcCode::kResourceExhausted, RpcCode::kUnavailable);
  EXPECT_THAT(refused({{"x-flood", std::string(100'000, 'a')}}), is_refusal);
  Headers many;
  for (int i = 0; i < 2000; ++i) many.emplace("x-" + std::to_string(i), "a");
  EXPECT_THAT(refused(many), is_refusal);
  EXPECT_EQ(audit_->ran, ran);
  EXPECT_TRUE(Serves());
}

// One header block in endless frames: it must end somewhere, or be closed by us.
// A client that keeps to the rules asks no more than the first frame allows.
TEST_F(HostileTest, AConnectionIsToldHowManyCallsAndHeadersItMayHave) {
  constexpr std::string_view kMaxCalls("\0\3\0\0\x4e\x20", 6);    // SETTINGS_MAX_CONCURRENT_STREAMS: 20,000
  constexpr std::string_view kMaxHeaders("\0\6\0\0\x40\x00", 6);  // SETTINGS_MAX_HEADER_LIST_SIZE: 16 KiB
  for (const auto wanted : {kMaxCalls, kMaxHeaders}) {
    auto raw = Raw();
    ASSERT_TRUE(raw.Send(Hello()));
    EXPECT_THAT(raw.ReadUntil(wanted), HasSubstr(std::string(wanted)));
  }
}

TEST_F(HostileTest, AnEndlessHeaderBlockDoesNotFillTheMemory) {
  auto raw = Raw();
  ASSERT_TRUE(raw.Send(Hello() + Frame(FrameType::kHeaders, 0, 1, CallFields(kLog))));
  const std::string more =
      Frame(FrameType::kContinuation, 0, 1, Fields({{"x-flood", std::string(16'000, 'a')}}));
  rusage before{};
  getrusage(RUSAGE_SELF, &before);
  for (int i = 0; i < 4000 && raw.Send(more); ++i) {
  }
  rusage after{};
  getrusage(RUSAGE_SELF, &after);
#ifndef __SANITIZE_ADDRESS__  // it keeps what is freed
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 32 << 10) << "KiB, of 64 MiB that were sent";
#endif
  EXPECT_TRUE(Serves());
}

TEST_F(HostileTest, GarbageIsHungUpOn) {
  std::mt19937 random(7);  // the same each time
  for (int i = 0; i < 50; ++i) {
    std::string bytes(1 + random() % 5000, '\0');
    for (auto& byte : bytes) byte = static_cast<char>(random());
    auto raw = Raw();
    raw.Send(bytes);
    raw.HalfClose();
    EXPECT_TRUE(raw.AwaitClose());
  }
  for (const std::string text :
       {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\r\n\r\n"}) {
    auto raw = Raw();
    raw.Send(text);
    raw.HalfClose();
    EXPECT_TRUE(raw.AwaitClose()) << text;
  }
  EXPECT_TRUE(Serves());
}

TEST_F(HostileTest, GarbageBehindAGoodBeginningIsHungUpOn) {
  std::mt19937 random(11);
  for (int i = 0; i < 200; ++i) {
    std::string bytes(1 + random() % 500, '\0');
    for (auto& byte : bytes) byte = static_cast<char>(random());
    auto raw = Raw();
    raw.Send(Hello());
    // Frames of every kind, true lengths, no sense.
    raw.Send(
        Frame(static_cast<FrameType>(random() % 12), static_cast<uint8_t>(random()), random() % 4, bytes));
    raw.Send(Frame(FrameType::kHeaders, kEndHeaders, 1, bytes));
    raw.Send(Frame(FrameType::kData, static_cast<uint8_t>(random() % 2), 1, bytes));
    raw.HalfClose();
    EXPECT_TRUE(raw.AwaitClose());
  }
  EXPECT_TRUE(Serves());
}

TEST_F(HostileTest, ARequestThatStopsInTheMiddleHoldsUpNobody) {
  std::vector<RawConnection> stopped;
  for (int i = 0; i < 100; ++i) {
    stopped.push_back(Raw());
    ASSERT_TRUE(
        stopped.back().Send(Hello() + Frame(FrameType::kHeaders, kEndHeaders, 1, CallFields(kLog)) +
                            Frame(FrameType::kData, 0, 1, Message(std::string(100, 'a')).substr(0, 50))));
  }
  EXPECT_TRUE(Serves());
  EXPECT_EQ(server_->executor().waiting(), 0U) << "a call takes a thread when it is whole";
  // Its side is closed in the middle of the message.
  for (auto& each : stopped) each.HalfClose();
  for (auto& each : stopped) EXPECT_TRUE(each.AwaitClose());
  EXPECT_TRUE(Serves());
}

// A body is received before anybody has looked at the credential, so whoever reaches the port may send one.
TEST_F(HostileTest, RequestsThatAreNeverCompleteDoNotFillTheMemory) {
  constexpr size_t kMost = 128 << 20;
  constexpr size_t kSize = 60'000'000;
  Start({.max_incoming_bytes = kMost});
  const size_t memory = ResidentBytes();
  std::deque<RawUpload> uploads;
  for (int i = 0; i < 10; ++i) {
    uploads.emplace_back(server_->address(), kLog, kSize);
    // Refused or not: the next one tries as well.
    (void)uploads.back().Send(kSize - 1'000'000, std::chrono::seconds(2));
  }
  const auto held = [&] {
    size_t bytes = 0;
    for (auto& each : uploads) bytes += each.IsServed() ? each.sent() : 0;
    return bytes;
  };
  EXPECT_TRUE(Eventually([&] { return held() <= kMost; })) << held() << " bytes of requests are held";
  EXPECT_TRUE(Eventually([&] { return Serves(); })) << "who is refused is let in again";
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they take memory for themselves
  EXPECT_LT(ResidentBytes() - memory, kMost + (64U << 20U));
#else
  (void)memory;
#endif
}

// What has its place is received, and gives the place back.
TEST_F(HostileTest, LargeRequestsOneAfterTheOtherAllHaveRoom) {
  Start({.max_incoming_bytes = 128 << 20});
  for (int i = 0; i < 8; ++i) {
    const auto answer = server_->Call(kLog, std::string(60'000'000, '\0'));
    EXPECT_EQ(answer.code, RpcCode::kInvalidArgument)
        << "it came whole, and is no message: " << answer.message;
  }
}

// Slowloris: who does not say within the time that it speaks HTTP/2 is hung up on.
TEST_F(HostileTest, AConnectionThatSaysNothingIsClosed) {
  Start({.handshake_timeout = std::chrono::milliseconds(300)});
  auto silent = Raw();
  auto slow = Raw();
  EXPECT_TRUE(slow.Send(kPreface.substr(0, 10)));
  EXPECT_TRUE(silent.AwaitClose());
  EXPECT_TRUE(slow.AwaitClose());
  EXPECT_TRUE(Serves());
}

TEST_F(HostileTest, CallsThatAreOpenedAndResetAllTheTime) {
  auto raw = Raw();
  ASSERT_TRUE(raw.Send(Hello()));
  const std::string no_error("\0\0\0\x08", 4);
  for (uint32_t i = 0; i < 5000; ++i) {
    const uint32_t stream = 2 * i + 1;
    if (!raw.Send(Frame(FrameType::kHeaders, kEndHeaders, stream, CallFields(kLog)) +
                  Frame(FrameType::kData, kEndStream, stream, Message("")) +
                  Frame(FrameType::kReset, 0, stream, no_error))) {
      break;  // also an answer
    }
  }
  EXPECT_TRUE(Serves());
  EXPECT_TRUE(Eventually([&] { return server_->observer().in_flight() == 0; }));
}

// A deadline of 11,000 years is one that never comes: it used to be one that has passed.
TEST_F(HostileTest, DeadlinesOfEverySizeAndShape) {
  const auto send = [&](const std::string& timeout) {
    auto raw = Raw();
    raw.Send(Hello() +
             Frame(FrameType::kHeaders, kEndHeaders, 1, CallFields(kLog, {{"grpc-timeout", timeout}})) +
             Frame(FrameType::kData, kEndStream, 1, Message("")));
    return raw;
  };
  for (const auto* timeout : {"99999999H", "9999999H", "99999999M", "99999999S", "10S"}) {
    const int before = audit_->ran;
    EXPECT_THAT(send(timeout).ReadUntil("grpc-status"), HasSubstr("grpc-status"));
    EXPECT_EQ(audit_->ran, before + 1) << timeout;
  }
  for (const auto* timeout : {"", "x", "-1S", "1", "99999999999999999999H", "0n"}) {
    auto raw = send(timeout);
    raw.HalfClose();
    (void)raw.ReadUntil("");
  }
  EXPECT_TRUE(Serves());
}

TEST_F(HostileTest, ManyConnectionsComeAndGoWithoutALeak) {
  const size_t before = OpenFiles();
  for (int round = 0; round < 3; ++round) {
    std::vector<RawConnection> open;
    for (int i = 0; i < 2000; ++i) {
      open.push_back(Raw());
      if (i % 2 == 0) open.back().Send(Hello());
    }
    EXPECT_TRUE(Serves());
  }
  EXPECT_TRUE(Serves());
  EXPECT_TRUE(Eventually([&] { return OpenFiles() <= before + 8; }))
      << before << " descriptors before, now " << OpenFiles();
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// To make more would take longer than the server waits for somebody who does not answer its ping.
constexpr size_t kConnections = 1'000;
#else
constexpr size_t kConnections = 10'000;
#endif

TEST_F(HostileTest, TenThousandIdleConnectionsCostLittleAndHoldUpNobody) {
  const MoreDescriptors more(kConnections + 1'000);
  ASSERT_TRUE(more.granted()) << "a process may not have as many descriptors here: ulimit -Hn";
  const size_t files = OpenFiles();
  const size_t memory = ResidentBytes();
  {
    const IdleConnections idle(server_->address(), kConnections);
    ASSERT_TRUE(idle.Await());
    EXPECT_GE(OpenFiles(), files + kConnections);
    const size_t each = (ResidentBytes() - memory) / kConnections;
    RecordProperty("bytes_of_a_connection", static_cast<int>(each));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they take memory for themselves
    EXPECT_LT(each, 32U << 10U);
#endif
    EXPECT_TRUE(Serves());
  }
  EXPECT_TRUE(Eventually([&] { return OpenFiles() <= files + 8; }))
      << files << " descriptors before, now " << OpenFiles();
  EXPECT_TRUE(Serves());
}

#ifndef JAMMI_UNDEFINED_SANITIZER
// gRPC's own listener stops for good when there is no descriptor for a connection, once.
TEST_F(HostileTest, WhenDescriptorsRunOutConnectionsWaitAndAreTakenLater) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit few{.rlim_cur = OpenFiles() + 50, .rlim_max = limit.rlim_max};
  std::atomic<bool> none_left = false;
  SetSyncPoint("rpc:listener:no_descriptor", [&] { none_left = true; });
  setrlimit(RLIMIT_NOFILE, &few);
  std::vector<int> all;
  std::vector<RawConnection> open;
  // One descriptor is left for our end of a connection, and none for theirs. Connections of before that are
  // closed meanwhile may give some back: then it is done once more.
  const auto one_more = [&] {
    for (int copy = dup(0); copy >= 0; copy = dup(0)) all.push_back(copy);
    close(all.back());
    all.pop_back();
    open.push_back(Raw());
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
    while (!none_left && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    return none_left.load();
  };
  ASSERT_TRUE(Eventually(one_more));
  auto& raw = open.back();
  EXPECT_EQ(server_->Call(kLog, "").code, RpcCode::kOk) << "connections that are there are served";
  for (const int copy : all) close(copy);
  setrlimit(RLIMIT_NOFILE, &limit);
  ClearSyncPoints();
  EXPECT_TRUE(raw.Send(Hello()));
  EXPECT_NE(raw.ReadUntil(std::string_view("\4\1\0\0\0\0", 6)), "") << "our settings are acknowledged";
  EXPECT_TRUE(Serves());
}
#endif

}  // namespace
}  // namespace jammi::test
