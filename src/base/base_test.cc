// Placeholder for the folder's tests.
#include <gtest/gtest.h>

#include "jammi/scope.h"

namespace jammi {
TEST(Ids, Ten001ParsesTheFourForms) {
  const std::string want = "0190aabb-ccdd-7eef-8011-223344556677";
  for (const auto* text : {"0190AABB-CCDD-7EEF-8011-223344556677", "0190aabbccdd7eef8011223344556677",
                           "{0190aabb-ccdd-7eef-8011-223344556677}", "urn:uuid:0190aabb-ccdd-7eef-8011-223344556677"}) {
    const auto tenant = TenantId::Parse(text);
    ASSERT_TRUE(tenant) << text;
    EXPECT_EQ(tenant->ToString(), want);
  }
}
}  // namespace jammi
