// Events as bytes. A payload is the Arrow IPC messages of one record batch: its dictionaries, then the
// batch; V5, no compression. A message's body begins at a multiple of 64 bytes from the payload's start,
// each buffer in it at a multiple of 8. The schema message is not in it: it belongs to the topic. Layout:
// docs/formats.md.
//
// A topic's schema grows by columns at its end, and each growth is a version of it. A payload holds the
// columns of the version that it was published with; how many these are follows from the number of field
// nodes in its batch message, as every column has one at least.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "jammi/result.h"

namespace jammi {

// A schema as one IPC schema message. Errors: kInvalidArgument: IPC cannot carry it.
[[nodiscard]] Result<std::string> EncodeSchema(const arrow::Schema& schema);
// Errors: kDataLoss: these bytes are no schema message.
[[nodiscard]] Result<std::shared_ptr<arrow::Schema>> DecodeSchema(std::string_view bytes);

// Encodes and decodes the events of one topic, as one version of its schema shows them. Immutable, cheap to
// copy, thread-safe.
class EventCodec {
 public:
  // `schema` went through PrepareTopicSchema(). `earlier_columns`: how many of its columns each earlier
  // version had, ascending. Errors: kInvalidArgument: IPC cannot carry the schema; kDataLoss: the list does
  // not fit the schema.
  [[nodiscard]] static Result<EventCodec> Make(std::shared_ptr<arrow::Schema> schema,
                                               std::span<const int64_t> earlier_columns = {});

  [[nodiscard]] const std::shared_ptr<arrow::Schema>& schema() const;
  // Of schema(): within one topic it names the version.
  [[nodiscard]] int columns() const;
  // This version and those before it.
  [[nodiscard]] size_t versions() const;
  // Is `columns` the number of columns of one of these?
  [[nodiscard]] bool HasVersion(int columns) const;

  struct Encoded {
    std::shared_ptr<arrow::Buffer> payload;
    uint64_t checksum = 0;
  };
  // Checks the whole batch and encodes the rows that it shows: what a slice hides is left out, metadata
  // is dropped; a dictionary stays whole, its values are part of the column. The batch has the schema of
  // one of the versions.
  // Errors: kInvalidArgument: the batch is not valid Arrow data, has nulls in a column that may not, or
  // takes more than `max_bytes` encoded.
  [[nodiscard]] Result<Encoded> Encode(const arrow::RecordBatch& batch, int64_t max_bytes) const;

  // The messages of a batch of schema(), which is one that Decode() gave, rows of it, or one that Encode()
  // would take: nothing is checked. Errors: kInvalidArgument; kResourceExhausted.
  [[nodiscard]] Result<std::shared_ptr<arrow::Buffer>> Serialize(const arrow::RecordBatch& batch) const;

  // The batch of a payload with exactly the columns of schema(): those that the event does not have are
  // null, those that only a later version has are left out. What is read lies in the payload's memory.
  // Never reads outside of it, whatever the bytes are. `as_stored`, if given, says whether the payload has
  // these columns, neither more nor fewer.
  // Errors: kDataLoss: not the messages of a batch of `row_count` rows of a version of this schema;
  // kResourceExhausted.
  [[nodiscard]] Result<std::shared_ptr<arrow::RecordBatch>> Decode(
      const std::shared_ptr<arrow::Buffer>& payload, int64_t row_count, bool* as_stored = nullptr) const;

  // Are these the messages of a batch with the columns of schema(), as far as that can be said by looking at
  // the header alone? Of events with dictionaries it cannot: false.
  [[nodiscard]] bool IsPlainlyStored(const arrow::Buffer& payload) const;

  // `batch`, which has the schema of any version of the topic, an earlier or a later one, with the columns
  // of schema(). Copies nothing. Errors: kResourceExhausted.
  [[nodiscard]] Result<std::shared_ptr<arrow::RecordBatch>> Fit(
      const std::shared_ptr<arrow::RecordBatch>& batch) const;

 private:
  class Version;
  class Nulls;
  struct State;
  explicit EventCodec(std::shared_ptr<const State> state);
  [[nodiscard]] const Version& newest() const;
  [[nodiscard]] Result<std::shared_ptr<arrow::Buffer>> Serialize(const arrow::RecordBatch& batch,
                                                                 int64_t max_bytes) const;

  std::shared_ptr<const State> state_;
};

}  // namespace jammi
