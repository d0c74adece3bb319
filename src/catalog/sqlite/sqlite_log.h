// The event log in the catalog file.
#pragma once

#include "catalog/event_log.h"
#include "catalog/sqlite/reader_pool.h"
#include "catalog/sqlite/writer.h"

namespace jammi::sqlite {

class SqliteLog final : public EventLog {
 public:
  // `backend` is what bodies must not call.
  SqliteLog(const void* backend, Writer& writer, ReaderPool& readers)
      : backend_(backend), writer_(writer), readers_(readers) {}

  void AppendAsync(AppendRequest request, Deadline deadline, Done done) override;
  [[nodiscard]] Result<AppendOutcome> Append(AppendRequest request, Deadline deadline) override;
  void SetListener(Listener listener) override { writer_.SetListener(std::move(listener)); }
  [[nodiscard]] Result<LogPage> Read(int64_t topic_no, uint64_t from, const Scope& reader,
                                     const PageLimit& limit) override;
  [[nodiscard]] Result<LogHead> ReadHead(int64_t topic_no) override;
  [[nodiscard]] Result<uint64_t> FindTime(int64_t topic_no, UnixMicros time) override;

 private:
  const void* backend_;
  Writer& writer_;
  ReaderPool& readers_;
};

}  // namespace jammi::sqlite
