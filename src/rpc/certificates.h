// What a server shows new TLS connections, and what it wants to see of them. It can be replaced while the
// server runs: connections that there are go on as they are.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace grpc {  // NOLINT(readability-identifier-naming): it is theirs
class ServerCredentials;
}

namespace jammi {

// Certificate with those that signed it, key and, where clients must show a certificate, who signs those:
// PEM.
struct RpcTls {
  std::string certificate;
  std::string key;
  std::string client_authority;  // empty: clients need none
};

// Thread-safe.
class RpcCertificates {
 public:
  // What cannot be used must have been refused before: a server whose first one is unusable does not start,
  // and of a later one the one before stays.
  explicit RpcCertificates(RpcTls tls);

  // For the connections from now on. Whether clients must show a certificate stays as it was at first.
  void Replace(RpcTls tls);

 private:
  friend std::shared_ptr<grpc::ServerCredentials> TlsCredentials(RpcCertificates& certificates);
  struct Fetcher;

  const bool clients_show_one_;
  std::mutex mutex_;
  RpcTls tls_;
  uint64_t version_ = 1;
  uint64_t fetched_ = 0;  // the version that gRPC has
};

// For one port of one server. `certificates` must outlive that server.
[[nodiscard]] std::shared_ptr<grpc::ServerCredentials> TlsCredentials(RpcCertificates& certificates);

}  // namespace jammi
