// Rows of one event as all subscriptions see them that read with one version of the schema and one predicate:
// once as a batch, and once as bytes.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <mutex>

#include "jammi/result.h"
#include "trigger/codec.h"

namespace jammi {

// Immutable but for the bytes, which whoever wants them first makes. Thread-safe.
class SharedRows {
 public:
  // `batch` has the codec's schema. `payload`: its messages, if they are there already, else null. One of the
  // two is there.
  SharedRows(EventCodec codec, std::shared_ptr<arrow::RecordBatch> batch,
             std::shared_ptr<arrow::Buffer> payload)
      : codec_(std::move(codec)), batch_(std::move(batch)), payload_(std::move(payload)) {}

  // Null: nobody has decoded them.
  [[nodiscard]] const std::shared_ptr<arrow::RecordBatch>& batch() const { return batch_; }
  [[nodiscard]] const std::shared_ptr<arrow::Schema>& schema() const { return codec_.schema(); }
  // As Delivery::Ipc().
  [[nodiscard]] Result<std::shared_ptr<arrow::Buffer>> Ipc() const;

 private:
  const EventCodec codec_;
  const std::shared_ptr<arrow::RecordBatch> batch_;
  mutable std::mutex mutex_;  // held while they are encoded
  mutable std::shared_ptr<arrow::Buffer> payload_;
};

}  // namespace jammi
