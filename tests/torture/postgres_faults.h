// A PostgreSQL server that a torture test breaks, and the connections to it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/mount_namespace.h"
#include "support/pg_server.h"
#include "support/tcp_proxy.h"
#include "support/temp_dir.h"
#include "torture/company.h"
#include "torture/control.h"
#include "torture/storm.h"

namespace jammi::test {

// A server whose clock is the test's. If the test is root, which may mount one, its database is on a small
// disk of its own: when that is full the server goes on, and says so.
class BreakableServer {
 public:
  BreakableServer();

  [[nodiscard]] PgServer& server() { return server_; }
  // Null: there is none.
  [[nodiscard]] SmallFileSystem* disk() { return disk_ ? &*disk_ : nullptr; }
  [[nodiscard]] Control& control() { return control_; }
  // How torture_child finds it. `port`: 0 = the server's own, else a proxy's.
  [[nodiscard]] std::string Catalog(int port = 0) const { return "postgres:" + server_.Url("torture", port); }

 private:
  void MakeDisk();
  void TryClock();

  const TempDir directory_;
  Control control_ = Control::Create(directory_ / "control");
  std::optional<SmallFileSystem> disk_;
  PgServer server_;
};

void AddServerFaults(Storm& storm, BreakableServer& server);

// By part: what stands between it and a server.
using Proxies = std::vector<std::unique_ptr<TcpProxy>>;
[[nodiscard]] Proxies MakeProxies(size_t parts, int port, TcpProxy::Messages messages);

// All connections to the database but those of one part are lost: what that one publishes the others do not
// hear.
inline constexpr const char* kCutAllButOne = "all connections but one cut";
void AddConnectionFaults(Storm& storm, Company& company, Proxies& proxies);

}  // namespace jammi::test
