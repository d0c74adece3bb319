// Events as bytes. A payload is the Arrow IPC messages of one record batch: its dictionaries, then the
// batch; V5, no compression. A message's body begins at a multiple of 64 bytes from the payload's start,
// each buffer in it at a multiple of 8. The schema message is not in it: it belongs to the topic. Layout:
// docs/formats.md.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/result.h"

namespace jammi {

// A schema as one IPC schema message. Errors: kInvalidArgument: IPC cannot carry it.
[[nodiscard]] Result<std::string> EncodeSchema(const arrow::Schema& schema);
// Errors: kDataLoss: these bytes are no schema message.
[[nodiscard]] Result<std::shared_ptr<arrow::Schema>> DecodeSchema(std::string_view bytes);

// Encodes and decodes the events of one topic. Immutable, thread-safe.
class EventCodec {
 public:
  // `schema` went through PrepareTopicSchema().
  [[nodiscard]] static Result<EventCodec> Make(std::shared_ptr<arrow::Schema> schema);

  [[nodiscard]] const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }

  struct Encoded {
    std::shared_ptr<arrow::Buffer> payload;
    uint64_t checksum = 0;
  };
  // Checks the whole batch and encodes the rows that it shows: what a slice hides is left out, metadata
  // is dropped; a dictionary stays whole, its values are part of the column. The batch has the codec's
  // schema.
  // Errors: kInvalidArgument: the batch is not valid Arrow data, has nulls in a column that may not, or
  // takes more than `max_bytes` encoded.
  [[nodiscard]] Result<Encoded> Encode(const arrow::RecordBatch& batch, int64_t max_bytes) const;

  // The batch of a payload; its columns lie in the payload's memory. Never reads outside of it, whatever
  // the bytes are. Errors: kDataLoss: not the messages of a batch of `row_count` rows of this schema.
  [[nodiscard]] Result<std::shared_ptr<arrow::RecordBatch>> Decode(
      const std::shared_ptr<arrow::Buffer>& payload, int64_t row_count) const;

 private:
  EventCodec(std::shared_ptr<arrow::Schema> schema, std::shared_ptr<arrow::Buffer> schema_message);

  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::Buffer> schema_message_;
  bool has_dictionaries_ = false;
  std::vector<int> view_columns_;  // with a view type inside, and no dictionary
};

}  // namespace jammi
