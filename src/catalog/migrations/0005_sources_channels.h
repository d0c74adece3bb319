// Data sources and evidence channels.
#pragma once

#include <string_view>

namespace jammi {

// A channel's columns are read with it, in their order. The built-in channels are global; nobody created
// them at any time.
inline constexpr std::string_view kSourcesChannelsMigration = R"sql(
CREATE TABLE sources (
  scope          TEXT   NOT NULL DEFAULT '',
  source_id      TEXT   NOT NULL CHECK (length(source_id) > 0),
  source_type    TEXT   NOT NULL CHECK (source_type IN ('file', 'postgres', 'mysql')),
  url            TEXT   NOT NULL CHECK (length(url) > 0),
  format         TEXT   CHECK (format IN ('parquet', 'csv', 'json', 'avro')),
  file_extension TEXT   NOT NULL DEFAULT '',
  cloud          TEXT   NOT NULL DEFAULT '',
  options_json   TEXT   NOT NULL DEFAULT '{}',
  tenant_column  TEXT   NOT NULL DEFAULT '',
  revision       BIGINT NOT NULL CHECK (revision >= 1),
  created_at     BIGINT NOT NULL,
  updated_at     BIGINT NOT NULL,
  PRIMARY KEY (scope, source_id),
  CHECK (source_type <> 'file' OR format IS NOT NULL)
);
CREATE INDEX sources_listing ON sources (scope, created_at, source_id);

CREATE TABLE evidence_channels (
  scope      TEXT   NOT NULL DEFAULT '',
  channel    TEXT   NOT NULL CHECK (length(channel) BETWEEN 1 AND 64),
  priority   BIGINT NOT NULL CHECK (priority BETWEEN -2147483648 AND 2147483647),
  revision   BIGINT NOT NULL CHECK (revision >= 1),
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (scope, channel)
);
CREATE INDEX evidence_channels_listing ON evidence_channels (scope, priority, channel);

CREATE TABLE evidence_channel_columns (
  scope       TEXT   NOT NULL DEFAULT '',
  channel     TEXT   NOT NULL,
  column_name TEXT   NOT NULL CHECK (length(column_name) > 0),
  column_type TEXT   NOT NULL
              CHECK (column_type IN ('Float32', 'Float64', 'Int32', 'Int64', 'Utf8', 'Boolean')),
  ordinal     BIGINT NOT NULL CHECK (ordinal >= 0),
  declared_at BIGINT NOT NULL,
  PRIMARY KEY (scope, channel, column_name),
  UNIQUE (scope, channel, ordinal),
  FOREIGN KEY (scope, channel) REFERENCES evidence_channels (scope, channel)
);

INSERT INTO evidence_channels (channel, priority, revision, created_at, updated_at) VALUES
  ('vector', 1, 1, 0, 0), ('inference', 2, 1, 0, 0), ('bm25', 3, 1, 0, 0);
INSERT INTO evidence_channel_columns (channel, ordinal, column_name, column_type, declared_at) VALUES
  ('vector', 0, 'similarity', 'Float32', 0),
  ('inference', 0, 'inference_model', 'Utf8', 0),
  ('inference', 1, 'inference_task', 'Utf8', 0),
  ('inference', 2, 'inference_confidence', 'Float32', 0),
  ('bm25', 0, 'bm25_score', 'Float32', 0),
  ('bm25', 1, 'bm25_rank', 'Int64', 0);
)sql";

}  // namespace jammi
