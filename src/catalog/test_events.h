// Topics and events as the tests of the log make them, and what they ask a database, on any catalog.
#pragma once

#include <arrow/buffer.h>
#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/hash.h"
#include "jammi/catalog_backend.h"
#include "jammi/ids.h"

namespace jammi::test {

// A statement in a transaction of its own; rows changed.
inline Result<int64_t> Execute(CatalogBackend& backend, std::string_view sql,
                               std::initializer_list<SqlValue> params = {}) {
  return backend.Transact({}, [&](Transaction& tx) { return tx.Execute(sql, params); });
}

// The column `v` of the first row.
inline Result<int64_t> GetInt(CatalogBackend& backend, std::string_view sql,
                              std::initializer_list<SqlValue> params = {}) {
  return backend.Transact({.read_only = true}, [&](Transaction& tx) -> Result<int64_t> {
    JAMMI_ASSIGN(const auto value,
                 tx.QueryFirst(sql, params, [](const Row& row) { return row.Get<int64_t>("v"); }));
    if (!value) return Error(ErrorCode::kNotFound, "no row");
    return *value;
  });
}

// A topic of that number, without the registry.
inline Result<void> AddTopic(CatalogBackend& backend, int64_t topic_no) {
  JAMMI_TRY(Execute(
      backend, "INSERT INTO topics (topic_no, topic_id, name, schema, created_at) VALUES ($1, $2, $3, $4, 0)",
      {topic_no, Uuid::RandomV4().ToString(), fmt::format("topic-{}", topic_no), SqlBytes()}));
  JAMMI_TRY(Execute(backend, "INSERT INTO topic_heads (topic_no) VALUES ($1)", {topic_no}));
  return {};
}

// One row, whose payload is the text.
inline EventAppend MakeEvent(int64_t topic_no, std::string text, Scope scope = Scope::Global()) {
  EventAppend event{.topic_no = topic_no, .scope = std::move(scope), .row_count = 1};
  event.payload = arrow::Buffer::FromString(std::move(text));
  event.checksum = Checksum({event.payload->data(), static_cast<size_t>(event.payload->size())});
  return event;
}

}  // namespace jammi::test
