// The databases that the tests of the catalog run on.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "jammi/catalog_admin.h"

namespace jammi::test {

// A database of a test's own, empty at first.
class Harness {
 public:
  virtual ~Harness() = default;
  // Opens the catalog in it; again after the one before was closed.
  [[nodiscard]] virtual Result<std::unique_ptr<Catalog>> Open() = 0;
  [[nodiscard]] virtual BackendKind kind() const = 0;
  // For the tools, which work on it from outside.
  [[nodiscard]] virtual CatalogLocation location() const = 0;
  // What the catalog's clock, jammi_now(), adds to the time; for the next transaction on.
  virtual void MoveClock(std::chrono::microseconds by) = 0;
};

using MakeHarness = std::unique_ptr<Harness> (*)();

std::unique_ptr<Harness> MakeSqliteHarness();
std::unique_ptr<Harness> MakePostgresHarness();  // in builds with PostgreSQL

// Every database of this build.
[[nodiscard]] std::vector<MakeHarness> AllHarnesses();
[[nodiscard]] std::string HarnessName(const testing::TestParamInfo<MakeHarness>& info);

// Runs the TEST_P cases of `fixture`, whose parameter is a MakeHarness, on every database.
#define JAMMI_ON_EVERY_DATABASE(fixture)                                                  \
  INSTANTIATE_TEST_SUITE_P(On, fixture, testing::ValuesIn(::jammi::test::AllHarnesses()), \
                           ::jammi::test::HarnessName)

}  // namespace jammi::test
