// Arrow data inside the messages of the wire: schemas and batches as IPC streams (wire.md section 5).
//
// What comes from outside is checked as a whole before anybody sees it: whatever the bytes are, what is
// returned can be read without a second look.
#pragma once

#include <arrow/type_fwd.h>
#include <google/protobuf/message_lite.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <string>
#include <string_view>

#include "jammi/result.h"
#include "server/wire_schemas.h"

namespace jammi {

// A schema as a stream without batches: the schema message, and the end marker. Errors: kInvalidArgument: IPC
// cannot carry it.
[[nodiscard]] Result<std::string> EncodeWireSchema(const arrow::Schema& schema);
// The end marker may be missing; what follows the schema message is not looked at. Errors: kInvalidArgument:
// "schema is required" for no bytes, "schema decode: ..." for what is no schema, is of another byte order, or
// has a name that is not UTF-8.
[[nodiscard]] Result<std::shared_ptr<arrow::Schema>> DecodeWireSchema(std::string_view bytes);

// A trigger.ArrowBatch: a stream with the schema of `batch`, and it alone. Errors: kInvalidArgument: IPC
// cannot carry it; kResourceExhausted.
[[nodiscard]] Result<std::string> EncodeWireBatch(const arrow::RecordBatch& batch);
// The one batch of a trigger.ArrowBatch, whose stream is `header` and then `body`. With all of it in one of
// the two, which is how it is sent, nothing is copied but buffers that lie at odd addresses: the batch reads
// from these bytes as long as it lives. They are `owner`'s; without one the caller sees to it. `known` saves
// reading a schema again, and learns the ones that are new; batches of one schema then share it. It never
// changes the outcome.
// Errors: kInvalidArgument, "batch decode: ...": no stream, none or several batches in it, arrays that are no
// valid Arrow data, a compressed body, another byte order, names that are not UTF-8, or rows by the million
// without any data.
[[nodiscard]] Result<std::shared_ptr<arrow::RecordBatch>> DecodeWireBatch(std::string_view header,
                                                                          std::string_view body,
                                                                          std::shared_ptr<const void> owner,
                                                                          WireSchemas* known = nullptr);

// Puts batches that are encoded already, as Delivery::Ipc() gives them, into messages of the wire. Immutable,
// thread-safe.
class ArrowBatchFrame {
 public:
  // `schema` is that of the batches. Errors: kInvalidArgument: IPC cannot carry it.
  [[nodiscard]] static Result<ArrowBatchFrame> Make(const arrow::Schema& schema);

  // The message `rest`, whose field `number` is a trigger.ArrowBatch and is not set, with that field. The
  // bytes of `messages` are not copied.
  [[nodiscard]] grpc::ByteBuffer Encode(const google::protobuf::MessageLite& rest, int number,
                                        std::shared_ptr<arrow::Buffer> messages) const;

 private:
  explicit ArrowBatchFrame(std::string schema) : schema_(std::move(schema)) {}
  std::string schema_;  // its message
};

}  // namespace jammi
