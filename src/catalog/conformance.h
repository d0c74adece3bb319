// What every catalog must do, whatever database it is on: the cases are in conformance_test.cc.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "catalog/harness.h"
#include "catalog/test_events.h"

namespace jammi::conformance {

// Fails the test when the result is an error, and says which.
#define JAMMI_OK(expr)                                    \
  do {                                                    \
    const auto& jammi_ok = (expr);                        \
    ASSERT_TRUE(jammi_ok) << jammi_ok.error().ToString(); \
  } while (false)

class Conformance : public testing::TestWithParam<test::MakeHarness> {
 protected:
  void SetUp() override {
    harness_ = GetParam()();
    Reopen();
    JAMMI_OK(
        Execute("CREATE TABLE t (k BIGINT PRIMARY KEY, v BIGINT NOT NULL CHECK (v >= 0), name TEXT UNIQUE)"));
  }

  void Reopen() {
    catalog_.reset();
    auto opened = harness_->Open();
    JAMMI_OK(opened);
    catalog_ = std::move(*opened);
  }

  CatalogBackend& backend() { return catalog_->backend(); }
  EventLog& log() { return catalog_->log(); }

  // A statement in a transaction of its own.
  Result<int64_t> Execute(std::string_view sql, std::initializer_list<SqlValue> params = {}) {
    return test::Execute(backend(), sql, params);
  }
  Result<int64_t> GetInt(std::string_view sql) { return test::GetInt(backend(), sql); }
  void MakeTopic(int64_t topic_no) { JAMMI_OK(test::AddTopic(backend(), topic_no)); }
  static EventAppend Event(int64_t topic_no, std::string text, Scope scope = Scope::Global()) {
    return test::MakeEvent(topic_no, std::move(text), std::move(scope));
  }

  // Appends "0", "1", ... and fails the test unless they get the offsets from `first` on.
  void AppendNumbered(int64_t topic_no, uint64_t first, uint64_t count) {
    for (uint64_t i = first; i < first + count; ++i) {
      const auto appended = log().Append(Event(topic_no, fmt::format("{}", i)), {});
      JAMMI_OK(appended);
      ASSERT_EQ(appended->offset, i);
    }
  }

  std::unique_ptr<test::Harness> harness_;
  std::unique_ptr<Catalog> catalog_;
};

}  // namespace jammi::conformance
