// The signed audit log: what a tenant searched, and the keyed chain over it.
#pragma once

#include <string_view>

namespace jammi {

inline constexpr std::string_view kAuditMigration = R"sql(
-- Records are numbered for each tenant, without a gap; there are none of the global scope.
CREATE TABLE search_audit (
  scope            TEXT   NOT NULL CHECK (length(scope) = 36),
  seq              BIGINT NOT NULL CHECK (seq >= 1),
  query_id         TEXT   NOT NULL CHECK (length(query_id) = 36),
  model_id         TEXT   NOT NULL,
  model_version    TEXT   NOT NULL,
  query_lineage    TEXT   NOT NULL,
  top_k_result_ids TEXT   NOT NULL,
  retrieval_scores TEXT   NOT NULL,
  executed_at      BIGINT NOT NULL,
  scheme           BIGINT NOT NULL,
  key_id           TEXT   NOT NULL,
  signature        TEXT   NOT NULL,
  chain            BLOB   NOT NULL CHECK (length(chain) = 32),
  PRIMARY KEY (scope, seq)
);
CREATE UNIQUE INDEX search_audit_by_query ON search_audit (scope, query_id);
CREATE INDEX search_audit_by_time ON search_audit (scope, executed_at, seq);
CREATE INDEX search_audit_by_model ON search_audit (scope, model_id, executed_at, seq);

-- How far each tenant's chain goes. Whoever logs holds the row until his commit.
CREATE TABLE audit_chains (
  scope    TEXT   NOT NULL PRIMARY KEY CHECK (length(scope) = 36),
  next_seq BIGINT NOT NULL CHECK (next_seq >= 1),
  chain    BLOB   NOT NULL CHECK (length(chain) = 32)
);
)sql";

}  // namespace jammi
