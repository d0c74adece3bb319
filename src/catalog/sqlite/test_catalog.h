// What the tests of this folder share: a catalog in a temporary folder, topics, events.
#pragma once

#include <arrow/buffer.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/hash.h"
#include "catalog/catalog.h"
#include "jammi/ids.h"
#include "support/fault_vfs.h"
#include "support/temp_dir.h"

namespace jammi::sqlite {

// Ends the test when the result is an error, and says which.
template <class T>
testing::AssertionResult IsOk(const char* expression, const Result<T>& result) {
  if (result) return testing::AssertionSuccess();
  return testing::AssertionFailure() << expression << ": " << result.error().ToString();
}
#define JAMMI_OK(expr) ASSERT_PRED_FORMAT1(::jammi::sqlite::IsOk, expr)

class CatalogTest : public testing::Test {
 protected:
  CatalogTest() {
    options_.path = folder_ / "catalog.db";
    options_.vfs = disk_.name();
  }

  void SetUp() override { Open(); }

  void Open() {
    catalog_.reset();
    auto opened = OpenSqliteCatalog(options_);
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
      JAMMI_ASSIGN(const auto value, tx.QueryFirst(sql, {}, [](const Row& row) { return row.Get<int64_t>("v"); }));
      if (!value) return Error(ErrorCode::kNotFound, "no row");
      return *value;
    });
  }

  void MakeTopic(int64_t topic_no) {
    JAMMI_OK(Execute("INSERT INTO topics (topic_no, topic_id, name, schema, created_at) VALUES ($1, $2, $3, $4, 0)",
                     {topic_no, Uuid::RandomV4().ToString(), fmt::format("topic-{}", topic_no), SqlBytes()}));
    JAMMI_OK(Execute("INSERT INTO topic_heads (topic_no) VALUES ($1)", {topic_no}));
  }

  static EventAppend Event(int64_t topic_no, std::string text, Scope scope = Scope::Global()) {
    EventAppend event{.topic_no = topic_no, .scope = scope, .row_count = 1};
    event.payload = arrow::Buffer::FromString(std::move(text));
    event.checksum = Checksum({event.payload->data(), static_cast<size_t>(event.payload->size())});
    return event;
  }

  test::TempDir folder_;
  test::FaultVfs disk_;  // in memory: quick
  SqliteOptions options_;
  std::unique_ptr<Catalog> catalog_;
};

}  // namespace jammi::sqlite
