// Any bytes on a connection: each is answered with whole responses or closed, and the next client is served.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "http/http_server.h"
#include "http/probes.h"
#include "http/raw_client.h"

namespace jammi {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

class Served {
 public:
  Served() { server_->Serve(); }
  [[nodiscard]] const std::string& address() const { return server_->address(); }

 private:
  ServerMetrics metrics_{"1"};
  Probes probes_{"1", metrics_, [] { return Readiness(); }};
  std::unique_ptr<HttpServer> server_ = HttpServer::Bind("127.0.0.1:0", {}, probes_.Handler()).value();
};

// What a client gets that sends these and no more. It ends with a reset, so that the system need not
// remember the connection.
std::string Exchange(const std::string& address, std::string_view bytes) {
  RawClient client(address);
  client.Send(bytes);
  client.FinishSending();
  std::string all = client.ReadToEnd();
  client.Reset();
  return all;
}

void CheckBytes(std::string_view bytes) {
  static Served served;
  const std::string answer = Exchange(served.address(), bytes);
  Require(answer.empty() || answer.starts_with("HTTP/1.1 "));
  const std::string next = Exchange(served.address(), "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  Require(next.starts_with("HTTP/1.1 200 OK\r\n"));
  Require(BodyOf(next) == R"({"status":"ok","version":"1"})");
}

}  // namespace
}  // namespace jammi

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  jammi::CheckBytes({reinterpret_cast<const char*>(data), size});
  return 0;
}
