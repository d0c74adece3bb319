// SetTenant, GetTenant and ClearTenant of jammi.v1.catalog.CatalogService.
#pragma once

#include "rpc/service.h"
#include "server/session_store.h"

namespace jammi {

// `sessions` must outlive the service.
void AddTenantMethods(RpcService& service, SessionStore& sessions);

}  // namespace jammi
