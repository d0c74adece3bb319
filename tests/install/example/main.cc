// Uses the installed library as a user does: public headers, and Arrow for the data.
#include <arrow/api.h>
#include <jammi/ids.h>

#include <cstdio>

int main() {
  const auto tenant = jammi::TenantId::Parse("0190aabb-ccdd-7eef-8011-223344556677");
  const auto nobody = jammi::TenantId::Parse("00000000-0000-0000-0000-000000000000");
  if (!tenant || nobody || nobody.error().As<jammi::TenantDetail>() == nullptr) return 1;

  const auto schema = arrow::schema({arrow::field("mag", arrow::float64())});
  std::printf("%s %s\n", tenant->ToString().c_str(), schema->ToString().c_str());
  return 0;
}
