// Schemas that came over the wire before, by their messages: a sender sends the same one with every batch,
// and reading it costs as much as reading the batch.
#pragma once

#include <arrow/type_fwd.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/hash.h"

namespace jammi {

// Thread-safe.
class WireSchemas {
 public:
  static constexpr size_t kMost = 256;
  static constexpr size_t kMaxMessageBytes = 16 << 10;

  // Null if it is not there.
  [[nodiscard]] std::shared_ptr<arrow::Schema> Find(std::string_view message) const;
  // `schema` is what `message` says. Large ones are not kept; of too many, none is.
  void Remember(std::string_view message, std::shared_ptr<arrow::Schema> schema);

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<arrow::Schema>, TextHash, std::equal_to<>> known_;
};

}  // namespace jammi
