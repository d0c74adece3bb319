// What the tests of records and keys share.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "catalog/repo_fixture.h"
#include "jammi/audit.h"

namespace jammi::test {

inline constexpr std::string_view kKeyOne =
    "0000000000000000000000000000000000000000000000000000000000000001";
inline constexpr std::string_view kKeyCounting =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
inline constexpr std::string_view kTenantA = "01906c83-d4c8-7e10-9c4f-3b6f7c5a8e9a";

template <class T>
AuditFault FaultOf(const Result<T>& result) {
  const auto* detail = result ? nullptr : result.error().template As<AuditDetail>();
  if (detail == nullptr) throw std::runtime_error(result ? "a success" : result.error().ToString());
  return detail->fault;
}

inline AuditMasterKey Key(std::string_view hex = kKeyOne) { return Ok(AuditMasterKey::Parse(hex)); }
inline std::shared_ptr<const AuditKeyRing> Ring(std::initializer_list<std::string_view> hexes) {
  std::vector<AuditMasterKey> keys;
  for (const auto hex : hexes) keys.push_back(Key(hex));
  return Ok(AuditKeyRing::Make(std::move(keys)));
}

}  // namespace jammi::test
