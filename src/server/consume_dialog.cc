#include "server/consume_dialog.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/slice.h>

#include <utility>
#include <vector>

#include "base/sync_point.h"
#include "rpc/service.h"

namespace jammi {
namespace {

namespace ext_wire = ::jammi::ext::v1;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

// Longer than any commit takes that comes at all.
constexpr std::chrono::seconds kFlushWait{10};

Error TooManyWait() {
  return Error(ErrorCode::kResourceExhausted, "too many calls are waiting; try again later");
}

grpc::ByteBuffer Acked(uint64_t offset) {
  ext_wire::ConsumeResponse response;
  response.mutable_acked()->set_offset(offset);
  return Encode(response);
}

// `event` as the field `delivery` of a response; its bytes are not copied.
Result<grpc::ByteBuffer> Wrap(const grpc::ByteBuffer& event) {
  constexpr int kField = ext_wire::ConsumeResponse::kDeliveryFieldNumber;
  std::vector<grpc::Slice> slices;
  if (!event.Dump(&slices).ok()) return Error(ErrorCode::kInternal, "an event without bytes");
  const size_t size = event.Length();
  grpc::Slice head(WireFormatLite::TagSize(kField, WireFormatLite::TYPE_BYTES) +
                   CodedOutputStream::VarintSize64(size));
  auto* at = const_cast<uint8_t*>(head.begin());
  at = WireFormatLite::WriteTagToArray(kField, WireFormatLite::WIRETYPE_LENGTH_DELIMITED, at);
  CodedOutputStream::WriteVarint64ToArray(size, at);
  slices.insert(slices.begin(), std::move(head));
  return grpc::ByteBuffer(slices.data(), slices.size());
}

}  // namespace

struct ConsumeDialog::Shared {
  // Whoever waits, if anybody does. What runs is waited for by Close(), but from inside of it.
  void Wake() {
    const std::lock_guard running(wake_mutex);
    std::move_only_function<void()> waiting;
    {
      const std::lock_guard lock(mutex);
      waiting = std::exchange(ready, nullptr);
    }
    if (waiting) waiting();
  }

  std::unique_ptr<ConsumerSubscription> subscription;
  std::recursive_mutex wake_mutex;

  std::mutex mutex;
  // Guarded by mutex.
  std::move_only_function<void()> ready;
  bool closed = false;
  bool flushing = false;      // a flush is under way
  bool flush_again = false;   // another was asked for meanwhile
  bool over = false;          // the client sends no more
  bool flushed = false;       // all of his acknowledgements were written behind that
  bool answer_flush = false;  // `acked` is to be sent, also if it says nothing new
  uint64_t acked_sent = 0;
  std::optional<Error> failure;
};

ConsumeDialog::ConsumeDialog(std::unique_ptr<ConsumerSubscription> subscription, ext_wire::Consumer attached,
                             RpcExecutor& executor, uint64_t lane, ServerMetrics& metrics)
    : shared_(std::make_shared<Shared>()), executor_(executor), lane_(lane), attached_(std::move(attached)) {
  shared_->acked_sent = subscription->flushed();
  shared_->subscription = std::move(subscription);
  counted_.emplace(metrics, shared_->subscription->bookmark().topic.ToString(),
                   [shared = shared_.get()] { return shared->subscription->lag(); });
}

ConsumeDialog::~ConsumeDialog() { Close(); }

Result<RpcStream::Polled> ConsumeDialog::TryNext() {
  if (attached_) {
    ext_wire::ConsumeResponse response;
    *response.mutable_attached() = *std::exchange(attached_, std::nullopt);
    return Polled(Encode(response));
  }
  const uint64_t flushed = shared_->subscription->flushed();
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->failure) return *shared_->failure;
    if (flushed > shared_->acked_sent || shared_->answer_flush) {
      shared_->answer_flush = false;
      shared_->acked_sent = flushed;
      return Polled(Acked(flushed));
    }
    if (shared_->flushed) return Polled(End());
    if (shared_->over) return Polled(NotReady());
  }
  return NextDelivery();
}

Result<RpcStream::Polled> ConsumeDialog::NextDelivery() {
  if (ended_) return Polled(NotReady());
  JAMMI_ASSIGN(const auto polled, shared_->subscription->TryNext());
  if (std::holds_alternative<Subscription::NotReady>(polled)) return Polled(NotReady());
  if (std::holds_alternative<Subscription::End>(polled)) {
    ended_ = true;
    ext_wire::ConsumeResponse response;
    response.mutable_end();
    return Polled(Encode(response));
  }
  JAMMI_ASSIGN(const auto event, encoder_.Encode(std::get<Delivery>(polled)));
  JAMMI_ASSIGN(auto message, Wrap(event));
  return Polled(std::move(message));
}

void ConsumeDialog::OnReady(std::move_only_function<void()> ready) {
  bool at_once = false;
  bool deliveries = false;
  uint64_t acked_sent = 0;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->ready = std::move(ready);
    at_once = shared_->failure || shared_->answer_flush || shared_->flushed;
    deliveries = !shared_->over && !ended_;
    acked_sent = shared_->acked_sent;
  }
  if (at_once) return shared_->Wake();
  // The subscription's is kept: it wakes whoever waits then.
  auto wake = [shared = shared_.get()] { shared->Wake(); };
  auto& subscription = *shared_->subscription;
  if (deliveries) {
    subscription.OnReady(wake);
  } else {
    subscription.OnFlushed(wake);
  }
  if (subscription.flushed() > acked_sent) shared_->Wake();  // since TryNext() looked
}

void ConsumeDialog::Close() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->closed = true;
    shared_->ready = nullptr;
  }
  shared_->subscription->Close();
  const std::lock_guard running(shared_->wake_mutex);
}

Result<void> ConsumeDialog::Take(const google::protobuf::MessageLite& message) {
  const auto& request = static_cast<const ext_wire::ConsumeRequest&>(message);
  switch (request.message_case()) {
    case ext_wire::ConsumeRequest::kAck:
      return shared_->subscription->Ack(request.ack().offset());
    case ext_wire::ConsumeRequest::kFlush:
      return Flush();
    case ext_wire::ConsumeRequest::kAttach:
      return Error(ErrorCode::kInvalidArgument, "attach comes once, as the first message");
    case ext_wire::ConsumeRequest::MESSAGE_NOT_SET:
      break;
  }
  return Error(ErrorCode::kInvalidArgument, "a message that is neither ack nor flush");
}

Result<void> ConsumeDialog::TakeEnd() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->over = true;
  }
  return Flush();
}

Result<void> ConsumeDialog::Flush() {
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->closed) return {};
    if (shared_->flushing) {
      shared_->flush_again = true;
      return {};
    }
    shared_->flushing = true;
  }
  if (SubmitFlush(shared_, executor_, lane_)) return {};
  return TooManyWait();
}

bool ConsumeDialog::SubmitFlush(const std::shared_ptr<Shared>& shared, RpcExecutor& executor, uint64_t lane) {
  return executor.Submit(lane, [shared, &executor, lane] { RunFlush(shared, executor, lane); });
}

void ConsumeDialog::RunFlush(const std::shared_ptr<Shared>& shared, RpcExecutor& executor, uint64_t lane) {
  bool last = false;
  {
    const std::lock_guard lock(shared->mutex);
    last = shared->over;
    shared->flush_again = false;
  }
  auto written = shared->subscription->Flush(Deadline::After(kFlushWait));
  JAMMI_SYNC_POINT("ConsumeDialog::RunFlush.written");
  bool again = false;
  {
    const std::lock_guard lock(shared->mutex);
    if (!written) shared->failure = std::move(written).error();
    shared->answer_flush = true;
    shared->flushed = last && written;
    again = shared->flush_again && written && !last && !shared->closed;
    shared->flushing = again;
  }
  shared->Wake();
  // Behind the others who wait for a thread: who asks all the time does not keep one.
  if (!again || SubmitFlush(shared, executor, lane)) return;
  {
    const std::lock_guard lock(shared->mutex);
    shared->failure = TooManyWait();
  }
  shared->Wake();
}

}  // namespace jammi
