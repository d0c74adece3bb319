// The rate of publishing on PostgreSQL beside a snapshot that is held open, which keeps every dead version of
// a topic's head: two databases of one server take turns, and a snapshot of one of them is held (it does not
// hold back the other). JAMMI_SNAPSHOT_SECONDS: how long (60).
#include <arrow/buffer.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
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

// A database with one topic.
struct Side {
  Side() : url(test::PgServer::Shared().Url(test::PgServer::Shared().CreateDatabase())) {
    auto opened = OpenPostgresCatalog({.url = Secret(url)});
    Check(opened);
    catalog = std::move(*opened);
    MakeTopic(catalog->backend());
  }
  // Touched in this database so far.
  [[nodiscard]] double Pages() {
    // A connection tells the server once a second what it did.
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    return static_cast<double>(
        raw.Number("SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = current_database()"));
  }

  const std::string url;
  std::unique_ptr<Catalog> catalog;
  test::RawPostgres raw{url};
};

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

// What one turn of a side came to.
struct Turn {
  double rate = 0;   // events per second
  double pages = 0;  // that the server touched for each event
};

double Median(std::span<Turn> turns, double Turn::*value) {
  std::ranges::sort(turns, {}, value);
  return turns[turns.size() / 2].*value;
}

void Run(int threads, std::chrono::seconds how_long) {
  constexpr std::chrono::seconds kTurn(2);
  Side free;
  Side held;
  const auto turn = [&](Side& side) {
    const double pages = side.Pages();
    const double rate = Rate(side.catalog->log(), threads, kTurn);
    return Turn{rate, (side.Pages() - pages) / (rate * static_cast<double>(kTurn.count()))};
  };
  (void)turn(free);
  (void)turn(held);
  test::RawPostgres old(held.url);
  old.Exec("BEGIN ISOLATION LEVEL REPEATABLE READ");
  old.Exec("SELECT count(*) FROM topics");
  std::vector<Turn> alone;
  std::vector<Turn> beside;
  const size_t turns = std::max<size_t>(static_cast<size_t>(how_long / (2 * kTurn)), 5);
  for (size_t i = 0; i < turns; ++i) {
    alone.push_back(turn(free));
    beside.push_back(turn(held));
  }
  old.Exec("COMMIT");
  for (size_t part = 0; part < 5; ++part) {
    const size_t begin = part * turns / 5;
    const size_t count = (part + 1) * turns / 5 - begin;
    const auto of = [&](std::vector<Turn>& all, double Turn::*value) {
      return Median(std::span(all).subspan(begin, count), value);
    };
    fmt::print(
        "{:>2} threads, {:>3} s on: {:>6.0f} events/s, {:.1f} pages each; beside no snapshot {:>6.0f}, "
        "{:.1f}\n",
        threads, static_cast<size_t>(how_long.count()) * (part + 1) / 5, of(beside, &Turn::rate),
        of(beside, &Turn::pages), of(alone, &Turn::rate), of(alone, &Turn::pages));
  }
}

}  // namespace
}  // namespace jammi

int main() {
  const char* seconds = std::getenv("JAMMI_SNAPSHOT_SECONDS");
  const std::chrono::seconds how_long(seconds == nullptr ? 60 : std::atoi(seconds));
  for (const int threads : {1, 8}) jammi::Run(threads, how_long);
}
