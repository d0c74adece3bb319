// What a handle of an ephemeral session knows.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "ephemeral/ephemeral_sessions.h"
#include "jammi/ephemeral.h"

namespace jammi {

[[nodiscard]] Error EphemeralEnded(std::string_view session_id);

struct EphemeralSession::State {
  State(std::shared_ptr<EphemeralSessions> of, EphemeralKey session, const EphemeralRecord& record, bool owns)
      : sessions(std::move(of)),
        key(std::move(session)),
        created_at(record.created_at),
        deadline(record.deadline),
        owner(owns) {}

  const std::shared_ptr<EphemeralSessions> sessions;
  const EphemeralKey key;
  const UnixMicros created_at;
  const std::optional<UnixMicros> deadline;
  const bool owner;
  std::atomic<bool> closed = false;  // through this handle
};

}  // namespace jammi
