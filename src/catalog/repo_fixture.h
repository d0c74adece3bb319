// A migrated catalog on the database under test, two tenants, an outsider and the global scope.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catalog/harness.h"
#include "catalog/test_events.h"
#include "jammi/catalog_access.h"
#include "jammi/models.h"

namespace jammi::test {

inline Scope Tenant(std::string_view text) { return Scope::ForTenant(TenantId::Parse(text).value()); }
inline const Scope kA = Tenant("aaaaaaaa-0000-4000-8000-000000000001");
inline const Scope kB = Tenant("bbbbbbbb-0000-4000-8000-000000000002");
inline const Scope kOutsider = Tenant("cccccccc-0000-4000-8000-000000000003");
inline const Scope kGlobal = Scope::Global();

// The value, or the end of the test with the error.
template <class T>
T Ok(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().ToString());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

template <class T>
std::optional<ErrorCode> CodeOf(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code());
}

class RepoTest : public testing::TestWithParam<MakeHarness> {
 protected:
  RepoTest() { Reopen(); }

  // Closes the catalog and opens it again: a restart of the process.
  void Reopen() {
    catalog_.reset();
    catalog_ = Ok(harness_->Open());
  }

  CatalogBackend& backend() { return catalog_->backend(); }
  CatalogAccess Access(const Scope& scope) const { return {{catalog_, &catalog_->backend()}, scope}; }
  Models ModelsOf(const Scope& scope) const { return Models(Access(scope)); }
  ModelRecord RegisterModel(const Scope& scope, std::string name) const {
    return Ok(ModelsOf(scope).Register(
        {.model_id = std::move(name), .model_type = "embedding", .backend = "candle"}));
  }

  // A statement in a transaction of its own; rows changed.
  int64_t Sql(std::string_view sql, std::initializer_list<SqlValue> params = {}) {
    return Ok(Execute(backend(), sql, params));
  }
  // The column `v` of the first row.
  int64_t GetInt(std::string_view sql, std::initializer_list<SqlValue> params = {}) {
    return Ok(test::GetInt(backend(), sql, params));
  }
  // The database's time.
  UnixMicros Now() { return GetInt("SELECT jammi_now() AS v"); }
  void MoveClock(std::chrono::microseconds by) { harness_->MoveClock(by); }

  // All pages of a list: list(page_token) is the verb.
  template <class List>
  static auto AllPages(List list) {
    auto page = Ok(list(std::string()));
    auto all = std::move(page.items);
    while (!page.next_page_token.empty()) {
      page = Ok(list(page.next_page_token));
      std::move(page.items.begin(), page.items.end(), std::back_inserter(all));
    }
    return all;
  }

  std::unique_ptr<Harness> harness_ = GetParam()();
  std::shared_ptr<Catalog> catalog_;
};

}  // namespace jammi::test
