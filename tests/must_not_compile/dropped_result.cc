// A Result that nobody looks at is an error that nobody looks at. The second function must compile.
#include "jammi/ids.h"

#ifdef JAMMI_MUST_NOT_COMPILE
void Drop() { jammi::TenantId::Parse("not a tenant"); }
#endif

bool Use() { return jammi::TenantId::Parse("not a tenant").has_value(); }
void DropOnPurpose() { jammi::IgnoreError(jammi::TenantId::Parse("not a tenant"), "this test says so"); }
