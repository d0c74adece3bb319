// What happens to the catalog, as events of the internal topic jammi.catalog.changes, written in the same
// transaction as the change itself: no change without its event, no event without its change. Replicas
// invalidate their caches by it, and it is the audit of the catalog.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "catalog/event_log.h"
#include "jammi/catalog_backend.h"

namespace jammi {

inline constexpr std::string_view kChangesTopicName = "jammi.catalog.changes";
inline constexpr std::string_view kChangesTopicId = "6a616d6d-692e-4361-8461-6c6f672e6368";
// The last number: no topic of a user ever gets it.
inline constexpr int64_t kChangesTopicNo = kMaxTopicNo;

enum class ChangeVerb : uint8_t { kRegistered, kUpdated, kDeleted, kRecovered };
[[nodiscard]] std::string_view ToString(ChangeVerb verb);

struct CatalogChange {
  std::string_view kind;  // "model", "source", "topic", "channel", "result_table", "training_job", ...
  ChangeVerb verb = ChangeVerb::kRegistered;
  Scope owner = Scope::Global();
  std::string_view name;                          // what the owner calls the thing
  std::optional<int64_t> version = std::nullopt;  // where it has one
};

// kind, verb, owner ('' = global) and name: text; version: int64 or null. One row an event.
[[nodiscard]] std::shared_ptr<arrow::Schema> ChangesSchema();

// The event's payload, laid out as those of all topics (docs/formats.md). Errors: kResourceExhausted.
[[nodiscard]] Result<std::shared_ptr<arrow::Buffer>> EncodeChange(const CatalogChange& change);

// Appends the event to `tx`; only the owner's scope sees it, everybody if that is global.
[[nodiscard]] Result<void> RecordChange(Transaction& tx, const CatalogChange& change);

// Makes the topic where it is not there yet. Any number of processes may do so at once.
[[nodiscard]] Result<void> EnsureChangesTopic(CatalogBackend& backend);

}  // namespace jammi
