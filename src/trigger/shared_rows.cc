#include "trigger/shared_rows.h"

#include <arrow/record_batch.h>

#include "jammi/trigger.h"

namespace jammi {

Result<std::shared_ptr<arrow::Buffer>> SharedRows::Ipc() const {
  const std::lock_guard lock(mutex_);
  if (payload_ == nullptr) {
    JAMMI_ASSIGN(payload_, codec_.Serialize(*batch_));
  }
  return payload_;
}

std::shared_ptr<arrow::Schema> Delivery::schema() const {
  if (shared != nullptr) return shared->schema();
  return batch == nullptr ? nullptr : batch->schema();
}

Result<std::shared_ptr<arrow::Buffer>> Delivery::Ipc() const {
  if (shared != nullptr) return shared->Ipc();
  if (batch == nullptr) return Error(ErrorCode::kInvalidState, "a delivery of nothing has no bytes");
  JAMMI_ASSIGN(const auto codec, EventCodec::Make(batch->schema()));
  return codec.Serialize(*batch);
}

}  // namespace jammi
