#include "server/wire_schemas.h"

#include <utility>

namespace jammi {

std::shared_ptr<arrow::Schema> WireSchemas::Find(std::string_view message) const {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(message);
  return found == known_.end() ? nullptr : found->second;
}

void WireSchemas::Remember(std::string_view message, std::shared_ptr<arrow::Schema> schema) {
  if (message.size() > kMaxMessageBytes) return;
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMost) known_.clear();
  known_.insert_or_assign(std::string(message), std::move(schema));
}

}  // namespace jammi
