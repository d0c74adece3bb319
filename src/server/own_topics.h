// The topics that scopes own, by name: for who must not wait for the catalog.
//
// A scope's own topic comes before every other of that name, and keeps its name as long as it is there. So an
// entry either is what the catalog would say, or names a topic that is gone, and then whoever uses it is
// told. A global topic that a tenant sees is not kept: the tenant may get one of its own, from another
// process too.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "jammi/trigger.h"

namespace jammi {

// Thread-safe.
class OwnTopics {
 public:
  struct Known {
    TopicId id;
    std::shared_ptr<arrow::Schema> schema;  // as it was then; it may have grown
  };
  [[nodiscard]] std::optional<Known> Find(const Scope& scope, std::string_view name) const;
  // Nothing if the topic is not the scope's own.
  void Remember(const Scope& scope, const Topic& topic);
  // If it is still that one.
  void Forget(const Scope& scope, std::string_view name, const TopicId& id);

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Known> known_;  // by scope and name
};

}  // namespace jammi
