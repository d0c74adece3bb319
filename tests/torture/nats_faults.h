// A nats-server that a torture test breaks, and the connections to it.
#pragma once

#include "support/nats_server.h"
#include "torture/postgres_faults.h"

namespace jammi::test {

void AddNatsFaults(Storm& storm, NatsServer& nats, Company& company, Proxies& proxies);

}  // namespace jammi::test
