// The rate of publishing on PostgreSQL before, beside and after a snapshot that is held open, which keeps
// every dead version of a topic's head. JAMMI_SNAPSHOT_SECONDS: how long each part takes (20).
#include <arrow/buffer.h>
#include <fmt/format.h>

#include <cstdlib>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "catalog/catalog.h"
#include "jammi/ids.h"
#include "support/pg_server.h"
#include "support/raw_postgres.h"

namespace jammi {
namespace {

void Check(const auto& result) {
  if (result) return;
  fmt::print(stderr, "{}\n", result.error().ToString());
  std::exit(1);
}

EventAppend Event() {
  EventAppend event{.topic_no = 1, .row_count = 1};
  event.payload = arrow::Buffer::FromString(std::string(200, 'x'));
  event.checksum = Checksum({event.payload->data(), static_cast<size_t>(event.payload->size())});
  return event;
}

void MakeTopic(CatalogBackend& backend) {
  Check(backend.RunTransaction({}, [](Transaction& tx) -> Result<void> {
    JAMMI_TRY(
        tx.Execute("INSERT INTO topics (topic_no, topic_id, name, schema, created_at)"
                   " VALUES (1, $1, 'bench', $2, 0)",
                   {Uuid::RandomV4().ToString(), SqlBytes()}));
    JAMMI_TRY(tx.Execute("INSERT INTO topic_heads (topic_no) VALUES (1)"));
    return {};
  }));
}

// Events per second while `threads` append one by one.
double Rate(EventLog& log, int threads, std::chrono::seconds how_long) {
  const auto until = std::chrono::steady_clock::now() + how_long;
  std::atomic<int64_t> count = 0;
  {
    std::vector<std::jthread> all;
    for (int i = 0; i < threads; ++i) {
      all.emplace_back([&] {
        for (; std::chrono::steady_clock::now() < until; ++count) Check(log.Append(Event(), {}));
      });
    }
  }
  return static_cast<double>(count) / static_cast<double>(how_long.count());
}

void Run(int threads, std::chrono::seconds part) {
  auto& server = test::PgServer::Shared();
  const std::string url = server.Url(server.CreateDatabase());
  auto catalog = OpenPostgresCatalog({.url = Secret(url)});
  Check(catalog);
  MakeTopic((*catalog)->backend());
  EventLog& log = (*catalog)->log();
  (void)Rate(log, threads, std::chrono::seconds(2));
  const double before = Rate(log, threads, part);
  test::RawPostgres old(url);
  old.Exec("BEGIN ISOLATION LEVEL REPEATABLE READ");
  old.Exec("SELECT count(*) FROM topics");
  const double first = Rate(log, threads, part);
  const double last = Rate(log, threads, part);
  old.Exec("COMMIT");
  const double after = Rate(log, threads, part);
  fmt::print(
      "{:>2} threads: {:>6.0f} events/s; beside a snapshot {:>6.0f} ({:.2f}), then {:>6.0f} ({:.2f}); after "
      "it {:>6.0f} ({:.2f})\n",
      threads, before, first, first / before, last, last / before, after, after / before);
}

}  // namespace
}  // namespace jammi

int main() {
  const char* seconds = std::getenv("JAMMI_SNAPSHOT_SECONDS");
  const std::chrono::seconds part(seconds == nullptr ? 20 : std::atoi(seconds));
  for (const int threads : {1, 8}) jammi::Run(threads, part);
}
