// A page of the event log, from the rows of the statement that reads it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "catalog/event_log.h"

namespace arrow {
class ResizableBuffer;
}

namespace jammi {

// An event whose stored form is wrong: kDataLoss with BackendDetail(kCorrupt, "events 7/42").
[[nodiscard]] Error DamagedEvent(int64_t topic_no, uint64_t offset, std::string_view how);

// Takes events in order, checks them, and copies their payloads into one buffer.
class LogPageBuilder {
 public:
  LogPageBuilder(int64_t topic_no, uint64_t from, const PageLimit& limit, LogHead head);
  ~LogPageBuilder();

  // One row of the events table. No payload: the reader may not see it.
  struct Row {
    int64_t event_key = 0;
    UnixMicros committed_at = 0;
    std::string_view scope;
    int64_t row_count = 0;
    int64_t checksum = 0;
    std::optional<SqlBytes> payload;
  };
  // False: the page ends before this row, which is too large for it or damaged. Errors, for the first row
  // only: kDataLoss; kResourceExhausted.
  [[nodiscard]] Result<bool> Add(const Row& row);
  // Errors: kDataLoss: the first event, which must be there, did not come.
  [[nodiscard]] Result<LogPage> Finish();

 private:
  struct Extent {
    int64_t begin = -1;  // -1: none
    int64_t length = 0;
  };
  [[nodiscard]] Result<bool> Take(const Row& row);
  [[nodiscard]] Result<bool> EndBefore(const Error& damaged);
  [[nodiscard]] Result<Extent> Copy(SqlBytes payload);

  const int64_t topic_no_;
  const PageLimit limit_;
  uint64_t expected_;  // the next offset
  uint64_t wanted_ = 0;
  bool full_ = false;
  int64_t bytes_ = 0;  // of payload
  int64_t used_ = 0;   // of the buffer
  std::unique_ptr<arrow::ResizableBuffer> buffer_;
  std::vector<Extent> extents_;
  LogPage page_;
};

}  // namespace jammi
