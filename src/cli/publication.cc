#include "cli/publication.h"

#include <arrow/record_batch.h>
#include <fmt/format.h>

#include <utility>

#include "jammi/v1/trigger.pb.h"
#include "rows/ipc_stream.h"

namespace jammi {
namespace {

// A call ends with the event that reaches one of these. They are part of what a producer key means: with
// other limits, a run that was begun would go on with other calls.
constexpr int kEventsPerCall = 256;
constexpr size_t kBytesPerCall = size_t{1} << 20;

}  // namespace

Publication::Publication(const RpcChannel& channel, std::string topic, std::string producer_key)
    : channel_(channel), producer_key_(std::move(producer_key)) {
  pending_.set_topic(std::move(topic));
}

Result<void> Publication::Add(const arrow::RecordBatch& batch) {
  JAMMI_ASSIGN(auto bytes, EncodeBatchStream(batch));
  pending_bytes_ += bytes.size();
  pending_rows_ += static_cast<uint64_t>(batch.num_rows());
  pending_.add_batches()->set_data_body(std::move(bytes));
  if (pending_.batches_size() < kEventsPerCall && pending_bytes_ < kBytesPerCall) return {};
  return Flush();
}

Result<void> Publication::Pause() { return producer_key_.empty() ? Flush() : Result<void>(); }

Result<void> Publication::Flush() {
  if (pending_.batches().empty()) return {};
  if (one_by_one_) return PublishEach();
  if (!producer_key_.empty())
    pending_.set_producer_key(calls_ == 0 ? producer_key_ : fmt::format("{}/{}", producer_key_, calls_));
  const auto answer =
      channel_.Call<ext::v1::PublishManyResponse>("/jammi.ext.v1.StreamService/PublishMany", pending_);
  if (!answer && answer.error().code() == ErrorCode::kUnimplemented && producer_key_.empty()) {
    one_by_one_ = true;  // the published protocol has another way, without keys
    return PublishEach();
  }
  if (!answer) return answer.error();
  ++calls_;
  const auto events = static_cast<uint64_t>(pending_.batches_size());
  if (answer->duplicate()) report_.duplicates += events;
  Count(answer->first_offset(), events);
  report_.rows += std::exchange(pending_rows_, 0);
  pending_.clear_batches();
  pending_bytes_ = 0;
  return {};
}

Result<void> Publication::PublishEach() {
  for (auto& batch : *pending_.mutable_batches()) {
    v1::trigger::PublishRequest request;
    request.mutable_topic()->set_name(pending_.topic());
    *request.mutable_batch() = std::move(batch);
    JAMMI_ASSIGN(const auto answer, channel_.Call<v1::trigger::PublishResponse>(
                                        "/jammi.v1.trigger.TriggerService/Publish", request));
    Count(answer.offset(), 1);
  }
  report_.rows += std::exchange(pending_rows_, 0);
  pending_.clear_batches();
  pending_bytes_ = 0;
  return {};
}

void Publication::Count(uint64_t first_offset, uint64_t events) {
  if (report_.events == 0) report_.first_offset = first_offset;
  report_.events += events;
  report_.last_offset = first_offset + events - 1;
}

}  // namespace jammi
