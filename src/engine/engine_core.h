// What an open engine is made of; shared by the engine, its sessions and their handles.
#pragma once

#include <memory>

#include "audit/audit_service.h"
#include "catalog/catalog.h"
#include "ephemeral/ephemeral_sessions.h"
#include "forwarding/forwarder.h"
#include "jammi/session_bindings.h"
#include "tables/table_store.h"
#include "trigger/streams.h"

namespace jammi {

// The parts die in reverse order: each uses those before it.
class EngineCore : public std::enable_shared_from_this<EngineCore> {
 public:
  // Keeps all of this alive.
  [[nodiscard]] std::shared_ptr<CatalogBackend> backend() {
    return {shared_from_this(), &catalog->backend()};
  }

  SessionLimits session_limits;
  std::unique_ptr<Catalog> catalog;
  std::shared_ptr<TriggerBroker> broker;
  std::unique_ptr<Streams> streams;
  std::unique_ptr<TableStore> tables;
  std::shared_ptr<EphemeralSessions> ephemeral;  // shared with the handles of sessions, which may outlive us
  std::unique_ptr<AuditService> audit;
  std::unique_ptr<Forwarder> forwarder;  // null: nothing is forwarded
};

}  // namespace jammi
