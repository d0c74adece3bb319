#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "http/http_server.h"
#include "http/raw_client.h"

namespace jammi {
namespace {

constexpr std::string_view kAnyRequest = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n";

// A process without descriptors takes no connection, and takes it when it has one again.
TEST(HttpDescriptors, NoneIsLeftForAWhile) {
  const auto server = HttpServer::Bind("127.0.0.1:0", {}, [](const HttpRequest&, HttpRespond respond) {
                        respond({.body = "fine", .allow = {}});
                      }).value();
  server->Serve();
  RawClient client(server->address());
  client.Send(kAnyRequest);
  EXPECT_EQ(BodyOf(client.Read()), "fine");

  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  RawClient late(server->address());  // accepted or not: the race is the server's to win
  const int highest = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const rlimit none{.rlim_cur = static_cast<rlim_t>(highest), .rlim_max = limit.rlim_max};
  close(highest);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  client.Send(kAnyRequest);
  EXPECT_EQ(BodyOf(client.Read()), "fine");  // the loop turns
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  late.Send(kAnyRequest);
  EXPECT_EQ(BodyOf(late.Read()), "fine");
}

}  // namespace
}  // namespace jammi
