// One process publishes to an SQLite catalog and follows it; it is killed, suspended, its disk fills up, its
// clock moves. Others read the log between two lives of it, and try to take the file from it.
//
//   JAMMI_TORTURE_SECONDS=600   longer
//   JAMMI_TORTURE_SEED=7        other faults at other moments
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "support/mount_namespace.h"
#include "support/temp_dir.h"
#include "torture/run.h"

namespace jammi::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kSeconds = 10;
#else
constexpr uint64_t kSeconds = 12;
#endif
constexpr uint64_t kDisk = 1 << 30;

// Those who read all of the log that they see, up to its end, again and again.
std::vector<CursorOrder> Readers(const Company& company) {
  std::vector<CursorOrder> readers;
  for (const PlannedTopic& topic : kTopics) {
    const Who who = MembersOf(topic.owner).back();
    readers.push_back(company.GoOn({.cursor = fmt::format("reader-of-{}", readers.size()),
                                    .topic = std::string(topic.name),
                                    .who = who}));
  }
  return readers;
}

TEST(SqliteTorture, NothingAcknowledgedIsLostDoubledOrReordered) {
  const RunOptions options = FromTheEnvironment({.title = "SQLite", .seed = 1, .seconds = kSeconds});
  const TempDir directory;
  SmallFileSystem disk(directory.path(), kDisk);
  Control control = Control::Create(directory / "control");
  setenv(kControlVariable, (directory / "control").c_str(), 1);
  const Place place{.catalog = "sqlite:" + (directory / "catalog.db").string()};
  RunOptions here = options;
  here.place = place;

  Company company(
      JAMMI_TORTURE_CHILD, {{.name = "all", .publishers = 3, .consumers = 2, .cursors = 8}},
      [&](size_t) { return place; }, options.seed);
  Storm storm(options.seed);
  AddProcessFaults(storm, company);
  AddClockFault(storm, control);
  bool full = false;
  storm.Add({.name = "disk full",
             .weight = 3,
             .begin =
                 [&](Random&) {
                   disk.Fill();
                   full = true;
                   return std::string("to the last byte");
                 },
             .end =
                 [&] {
                   disk.Free();
                   full = false;
                 },
             .longest = std::chrono::milliseconds(2000)});
  storm.Add({.name = "read between two lives", .weight = 2, .begin = [&](Random&) {
               if (full || !company.running(0) || company.suspended(0)) return std::string();
               company.Kill(0);
               company.RunAside("read", Readers(company), place);
               company.Start(0);
               return std::string("after kill -9");
             }});
  storm.Add({.name = "second engine", .weight = 1, .begin = [&](Random&) {
               if (!company.ready(0)) return std::string();
               company.RunAside("intrude", {}, place);
               return std::string("on the same file");
             }});
  Report(here, RunTorture(here, company, storm, control));
}

}  // namespace
}  // namespace jammi::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (const std::string why_not = jammi::test::EnterMountNamespace(argv); !why_not.empty()) {
    fmt::print(stderr, "{}\n", why_not);
    return 1;
  }
  return RUN_ALL_TESTS();
}
