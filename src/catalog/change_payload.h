// The events of the changes topic as bytes: what Arrow writes, without asking Arrow for each.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "catalog/changes.h"

namespace jammi {

// By Arrow's own writer: the record batch message, its body at a multiple of 64 bytes, as all events have it.
[[nodiscard]] Result<std::shared_ptr<arrow::Buffer>> WriteChange(const CatalogChange& change);

// A message of one change in which only the values, and the places that follow from their lengths, are
// written anew. Building arrays and metadata takes Arrow most of the processor time of a registration
// beyond its statements. Immutable, thread-safe.
class ChangeTemplate {
 public:
  // Of changes with a version, or without one. Nullopt: Arrow writes something else than is known here, so
  // that it must be asked each time.
  [[nodiscard]] static std::optional<ChangeTemplate> Make(bool has_version);

  // The same bytes as WriteChange(). `change` has a version if the template has. Null: there is no memory.
  [[nodiscard]] std::shared_ptr<arrow::Buffer> Fill(const CatalogChange& change) const;

 private:
  ChangeTemplate() = default;

  std::string head_;         // all that stands in front of the body
  size_t places_at_ = 0;     // in it: where the buffers lie in the body, and how long they are
  size_t body_size_at_ = 0;  // in it
};

}  // namespace jammi
