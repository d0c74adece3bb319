// What the tests of this folder share: a catalog in a temporary folder, topics, events.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "catalog/catalog.h"
#include "catalog/test_events.h"
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
    return test::Execute(backend(), sql, params);
  }
  Result<int64_t> GetInt(std::string_view sql) { return test::GetInt(backend(), sql); }
  void MakeTopic(int64_t topic_no) { JAMMI_OK(test::AddTopic(backend(), topic_no)); }
  static EventAppend Event(int64_t topic_no, std::string text, Scope scope = Scope::Global()) {
    return test::MakeEvent(topic_no, std::move(text), std::move(scope));
  }

  test::TempDir folder_;
  test::FaultVfs disk_;  // in memory: quick
  SqliteOptions options_;
  std::unique_ptr<Catalog> catalog_;
};

}  // namespace jammi::sqlite
