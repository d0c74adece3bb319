// gRPC without anything of ours: a server that answers with bytes it has been given, and a client that
// counts.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace grpc {
class Server;
class Service;
}  // namespace grpc

namespace jammi::bench {

[[nodiscard]] grpc::ByteBuffer ToBuffer(const std::string& bytes);

// On the callback API, as our own server is. "/Bare/Unary" answers any request with `reply`; "/Bare/Stream"
// with `frames`, one written when the one before has gone, `rounds` times over.
class BareServer {
 public:
  BareServer(std::string reply, std::vector<grpc::ByteBuffer> frames, int64_t rounds);
  ~BareServer();
  BareServer(const BareServer&) = delete;
  BareServer& operator=(const BareServer&) = delete;
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  std::string address_;
  std::unique_ptr<grpc::Service> service_;
  std::unique_ptr<grpc::Server> server_;
};

// A connection of its own.
[[nodiscard]] std::shared_ptr<grpc::Channel> Connect(const std::string& address);

struct CallTally {
  int64_t answered = 0;  // with OK
  int64_t failed = 0;
  std::string failure;  // what one of them said
  double seconds = 0;
};
// `in_flight` calls are under way at any time: each caller makes one after the other, all with the same of
// the `requests`, which go round among the callers. Failures are counted, and the next call is made.
[[nodiscard]] CallTally TallyCalls(const std::string& address, const std::string& method,
                                   const std::vector<grpc::ByteBuffer>& requests, int in_flight,
                                   double seconds);

// How many calls a second are answered while `in_flight` are under way at any time. Throws if any fails.
[[nodiscard]] double CallRate(const std::string& address, const std::string& method,
                              const grpc::ByteBuffer& request, int in_flight, double seconds);

// So many calls, likewise. Throws if any fails.
void MakeCalls(const std::string& address, const std::string& method, const grpc::ByteBuffer& request,
               int in_flight, int64_t calls);

// A stream that is read as fast as it comes; its messages are kept, or counted only.
class StreamReader {
 public:
  StreamReader(const std::string& address, const std::string& method, const grpc::ByteBuffer& request,
               bool keep = false);
  ~StreamReader();
  StreamReader(const StreamReader&) = delete;
  StreamReader& operator=(const StreamReader&) = delete;

  void AwaitHeaders();
  // Waits for so many messages in all, or for the end.
  void Await(int64_t messages);
  [[nodiscard]] std::vector<grpc::ByteBuffer> Kept() const;

 private:
  class Reactor;
  std::unique_ptr<Reactor> reactor_;
};

// How long it takes until so many messages of a stream are there, with the connection.
[[nodiscard]] double StreamSeconds(const std::string& address, const std::string& method,
                                   const grpc::ByteBuffer& request, int64_t messages);

}  // namespace jammi::bench
