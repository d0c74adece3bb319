// The event log on PostgreSQL.
#pragma once

#include "catalog/event_log.h"
#include "catalog/postgres/appender.h"
#include "catalog/postgres/pool.h"

namespace jammi::postgres {

class PgLog final : public EventLog {
 public:
  PgLog(const void* backend, const PostgresOptions& options, Pool& pool, Committer& committer,
        Appender& appender, HeadNotifier& notifier)
      : backend_(backend),
        options_(options),
        pool_(pool),
        committer_(committer),
        appender_(appender),
        notifier_(notifier) {}

  void AppendAsync(AppendRequest request, Deadline deadline, Done done) override;
  [[nodiscard]] Result<AppendOutcome> Append(AppendRequest request, Deadline deadline) override;
  void SetListener(Listener listener) override { committer_.SetListener(std::move(listener)); }
  void SetHeadListener(HeadListener listener) override { notifier_.SetListener(std::move(listener)); }
  [[nodiscard]] Result<LogPage> Read(int64_t topic_no, uint64_t from, const Scope& reader,
                                     const PageLimit& limit) override;
  [[nodiscard]] Result<LogHead> ReadHead(int64_t topic_no) override;
  [[nodiscard]] Result<uint64_t> FindTime(int64_t topic_no, UnixMicros time) override;

 private:
  // One statement on a connection of the pool; repeated when the connection is lost.
  [[nodiscard]] Result<ResultSet> Ask(std::string_view sql, std::initializer_list<SqlValue> params);

  const void* const backend_;
  const PostgresOptions& options_;
  Pool& pool_;
  Committer& committer_;
  Appender& appender_;
  HeadNotifier& notifier_;
};

}  // namespace jammi::postgres
