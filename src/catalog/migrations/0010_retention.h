// How long the events of topics are kept, and which engine takes them away.
#pragma once

#include <string_view>

namespace jammi {

inline constexpr std::string_view kRetentionMigration = R"sql(
-- NULL: as the configuration says; 0: without limit.
ALTER TABLE topics ADD COLUMN max_age_us BIGINT CHECK (max_age_us >= 0);
ALTER TABLE topics ADD COLUMN max_bytes BIGINT CHECK (max_bytes >= 0);
ALTER TABLE topics ADD COLUMN max_events BIGINT CHECK (max_events >= 0);
ALTER TABLE topics ADD COLUMN keep_for_consumers BIGINT CHECK (keep_for_consumers IN (0, 1));
-- One row: of all engines on the catalog one at a time trims.
CREATE TABLE log_trimmer (
  id               BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
  lease_holder     TEXT,
  lease_epoch      BIGINT NOT NULL DEFAULT 0 CHECK (lease_epoch >= 0),
  lease_expires_at BIGINT,
  CHECK ((lease_holder IS NULL) = (lease_expires_at IS NULL))
);
INSERT INTO log_trimmer (id) VALUES (1);
)sql";

}  // namespace jammi
