// What every catalog must do, whatever database it is on: the cases are in conformance_test.cc.
#pragma once

#include <arrow/buffer.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/hash.h"
#include "catalog/harness.h"
#include "jammi/ids.h"

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
    return backend().Transact({}, [&](Transaction& tx) { return tx.Execute(sql, params); });
  }
  // The column `v` of the first row.
  Result<int64_t> GetInt(std::string_view sql) {
    return backend().Transact({.read_only = true}, [&](Transaction& tx) -> Result<int64_t> {
      JAMMI_ASSIGN(const auto value,
                   tx.QueryFirst(sql, {}, [](const Row& row) { return row.Get<int64_t>("v"); }));
      if (!value) return Error(ErrorCode::kNotFound, "no row");
      return *value;
    });
  }

  void MakeTopic(int64_t topic_no) {
    JAMMI_OK(Execute(
        "INSERT INTO topics (topic_no, topic_id, name, schema, created_at) VALUES ($1, $2, $3, $4, 0)",
        {topic_no, Uuid::RandomV4().ToString(), fmt::format("topic-{}", topic_no), SqlBytes()}));
    JAMMI_OK(Execute("INSERT INTO topic_heads (topic_no) VALUES ($1)", {topic_no}));
  }

  static EventAppend Event(int64_t topic_no, std::string text, Scope scope = Scope::Global()) {
    EventAppend event{.topic_no = topic_no, .scope = scope, .row_count = 1};
    event.payload = arrow::Buffer::FromString(std::move(text));
    event.checksum = Checksum({event.payload->data(), static_cast<size_t>(event.payload->size())});
    return event;
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
