// Where a server listens.
#include "rpc/listener.h"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <string>

#include "rpc/raw_http2.h"

namespace jammi::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Listener, TheAddressIsTheBoundOne) {
  const auto any = Listener::Bind("127.0.0.1:0");
  ASSERT_TRUE(any) << any.error().ToString();
  EXPECT_THAT((*any)->address(), StartsWith("127.0.0.1:"));
  EXPECT_THAT((*any)->address(), testing::Not(EndsWith(":0")));
  // If the machine has it.
  if (const auto six = Listener::Bind("[::1]:0")) {
    EXPECT_THAT((*six)->address(), StartsWith("[::1]:"));
  }
}

// Case 8
TEST(Listener, APortIsOneListenersAlone) {
  const auto first = Listener::Bind("127.0.0.1:0");
  ASSERT_TRUE(first);
  const auto second = Listener::Bind((*first)->address());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(second.error().message(), "cannot listen on " + (*first)->address() + ": Address already in use");
  (*first)->Stop();
  EXPECT_TRUE(Listener::Bind((*first)->address())) << "it is free again";
}

TEST(Listener, OtherErrorsSayWhatIsWrong) {
  for (const auto* text : {"", "127.0.0.1", ":1", "localhost:1", "127.0.0.1:", "127.0.0.1:x",
                           "127.0.0.1:70000", "1.2.3.4.5:1", "127.0.0.1:-1"}) {
    const auto listener = Listener::Bind(text);
    ASSERT_FALSE(listener) << text;
    EXPECT_EQ(listener.error().code(), ErrorCode::kInvalidArgument) << text;
    EXPECT_THAT(listener.error().message(), HasSubstr("'" + std::string(text) + "'"));
  }
  const auto foreign = Listener::Bind("192.0.2.1:0");  // for documentation: nobody's
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(foreign.error().message(), HasSubstr("192.0.2.1:0: Cannot assign"));
}

TEST(Listener, AConnectionThatCameBeforeServeIsNotLost) {
  const auto listener = Listener::Bind("127.0.0.1:0");
  ASSERT_TRUE(listener);
  RawConnection early((*listener)->address());
  std::promise<int> taken;
  (*listener)->Serve([&](int connection) { taken.set_value(connection); });
  close(taken.get_future().get());
  EXPECT_TRUE(early.AwaitClose());
  (*listener)->Stop();
  (*listener)->Stop();
}

// A machine that is switched off says nothing: what it does not acknowledge tells, and not the 15 minutes
// that the system would try.
TEST(Listener, APeerThatAcknowledgesNothingIsGivenUp) {
  const auto listener = Listener::Bind("127.0.0.1:0");
  ASSERT_TRUE(listener);
  std::promise<int> taken;
  (*listener)->Serve([&](int connection) { taken.set_value(connection); });
  const RawConnection peer((*listener)->address());
  const int connection = taken.get_future().get();
  int millis = 0;
  socklen_t size = sizeof millis;
  EXPECT_EQ(getsockopt(connection, IPPROTO_TCP, TCP_USER_TIMEOUT, &millis, &size), 0);
  EXPECT_EQ(millis, 20'000);
  close(connection);
}

}  // namespace
}  // namespace jammi::test
