// Leases in SQL. A table whose rows can be leased has the columns
//
//   lease_holder     TEXT,
//   lease_epoch      BIGINT NOT NULL DEFAULT 0 CHECK (lease_epoch >= 0),
//   lease_expires_at BIGINT,
//
// and its statements are put together from the pieces below; `holder`, `epoch` and `micros` are the
// placeholders ("$2") of the parameters. The epoch is the fencing token: it is never set back, not even when
// a lease is given back or has expired.
//
// A thing that can be deleted and made again under its name is made with jammi_now() as its epoch, so that a
// token of the old one is none of the new: claims come less often than every microsecond. Nothing is left of
// the old one to compare with, so a clock that was set back to the very microseconds of its claims would
// defeat this.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "jammi/lease.h"
#include "jammi/result.h"

// Conditions. A lease is live before its moment and expired from it on, never both, never neither.
#define JAMMI_LEASE_LIVE "lease_expires_at > (SELECT jammi_now())"
#define JAMMI_LEASE_EXPIRED "lease_expires_at <= (SELECT jammi_now())"
#define JAMMI_LEASE_HELD(holder, epoch) \
  "lease_holder = " holder " AND lease_epoch = " epoch " AND " JAMMI_LEASE_LIVE

// Assignments.
#define JAMMI_LEASE_TAKE(holder, micros) \
  "lease_holder = " holder ", lease_epoch = lease_epoch + 1, " JAMMI_LEASE_RENEW(micros)
#define JAMMI_LEASE_RENEW(micros) "lease_expires_at = (SELECT jammi_now()) + " micros
#define JAMMI_LEASE_DROP "lease_holder = NULL, lease_expires_at = NULL"

namespace jammi {

// kInvalidArgument unless it is kMinLease to kMaxLease.
[[nodiscard]] Result<int64_t> LeaseMicros(std::chrono::microseconds lease);

// kInvalidArgument for a holder's name, or an epoch, that no claim can have given.
[[nodiscard]] Result<void> CheckLeaseHolder(std::string_view holder);
[[nodiscard]] Result<void> CheckLeaseToken(const LeaseToken& token);

// kFailedPrecondition with LeaseLostDetail. `kind` and `name` say of what: "training job", "j-17".
// `current_epoch` is that of the row now, 0 when there is none.
[[nodiscard]] Error LeaseLost(std::string_view kind, std::string_view name, const LeaseToken& token,
                              int64_t current_epoch);

}  // namespace jammi
