// A server that tells each caller who he is taken for, with the sessions and the authentication of a real
// one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "jammi/config.h"
#include "jammi/engine.h"
#include "rpc/rpc_fixture.h"
#include "server/server_access.h"

namespace jammi::test {

constexpr const char* kTenantA = "aaaaaaaa-0000-4000-8000-000000000001";
constexpr const char* kTenantB = "bbbbbbbb-0000-4000-8000-000000000002";
constexpr const char* kTenantC = "cccccccc-0000-4000-8000-000000000003";

// Who a call comes from: its headers.
struct Caller {
  std::string session = {};  // empty: no header
  std::string token = {};    // empty: no header; else "Bearer <token>"
};
[[nodiscard]] CallOptions HeadersOf(const Caller& caller);

// "global" or the tenant, and after a slash the principal; else the code: "UNAUTHENTICATED".
using Said = std::string;

// Calls over one connection. Thread-safe.
class AccessClient {
 public:
  explicit AccessClient(const std::string& address) : channel_(address) {}

  // As whom methods see the caller that need the role of a reader, a writer, an admin, and no credential.
  [[nodiscard]] Said Who(const Caller& caller) const;
  [[nodiscard]] Said WhoWrites(const Caller& caller) const;
  [[nodiscard]] Said WhoAdministers(const Caller& caller) const;
  [[nodiscard]] Said WhoComesIn(const Caller& caller) const;
  // Likewise, of methods whose answer is a stream, and in which both sides send.
  [[nodiscard]] Said WhoSubscribes(const Caller& caller) const;
  [[nodiscard]] Said WhoConsumes(const Caller& caller) const;

  [[nodiscard]] Answer SetTenant(const Caller& caller, const std::string& tenant) const;
  [[nodiscard]] Answer ClearTenant(const Caller& caller) const;
  // The tenant, "" for none; else the code.
  [[nodiscard]] Said GetTenant(const Caller& caller) const;

  [[nodiscard]] const TestChannel& channel() const { return channel_; }

 private:
  [[nodiscard]] Said Ask(const char* method, const Caller& caller) const;
  [[nodiscard]] Said AskStream(const char* path, const Caller& caller) const;
  TestChannel channel_;
};

// Ends the test program if it does not start.
class AccessServer {
 public:
  explicit AccessServer(const Config& config, EngineOptions options = {});
  ~AccessServer();

  [[nodiscard]] const std::string& address() const { return rpc_->address(); }
  [[nodiscard]] const AccessClient& client() const { return *client_; }
  [[nodiscard]] ServerAccess& access() { return *access_; }

 private:
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<ServerAccess> access_;
  std::vector<std::unique_ptr<RpcService>> services_;
  CountingObserver observer_;
  std::unique_ptr<RpcExecutor> executor_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<RpcServer> rpc_;
  std::unique_ptr<AccessClient> client_;
};

}  // namespace jammi::test
