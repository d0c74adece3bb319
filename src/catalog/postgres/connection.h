// One connection to the server, with its prepared statements. Statements are sent together and answered
// in one round trip.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "catalog/postgres/commit_mark.h"
#include "catalog/postgres/statement.h"
#include "jammi/catalog_backend.h"
#include "jammi/clock.h"

struct pg_conn;
struct pg_result;

namespace jammi::postgres {

[[nodiscard]] inline Deadline Earlier(Deadline a, Deadline b) { return a.at() < b.at() ? a : b; }

// What to connect with; made from a URL by ParseUrl().
using ConnectionParameters = std::vector<std::pair<std::string, std::string>>;

struct ConnectionOptions {
  ConnectionParameters parameters;
  // A server that has said nothing for `silence_limit`, while something was asked of it, is asked for another
  // connection; if it does not give one within `probe_limit`, this one is lost.
  std::chrono::milliseconds silence_limit{30'000};
  std::chrono::milliseconds probe_limit{30'000};
};

// What a statement answered; all its rows.
class ResultSet {
 public:
  explicit ResultSet(pg_result* result) : result_(result) {}

  [[nodiscard]] int rows() const;
  [[nodiscard]] int columns() const;
  // Rows that an INSERT, UPDATE or DELETE changed; 0 for other statements.
  [[nodiscard]] int64_t changes() const;
  [[nodiscard]] std::string_view tag() const;  // "INSERT 0 1", "COMMIT"
  [[nodiscard]] bool IsNull(int row, int column) const;
  [[nodiscard]] int64_t Int(int row, int column) const;  // of integer and boolean columns
  [[nodiscard]] double Double(int row, int column) const;
  [[nodiscard]] std::string_view Text(int row, int column) const;
  [[nodiscard]] SqlBytes Bytes(int row, int column) const;
  // kInternal when a column has a type that a Row cannot give.
  [[nodiscard]] Result<void> CheckTypes() const;

 private:
  friend class ResultRow;
  struct Clear {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Clear> result_;
};

// A row of a result, as bodies see it.
class ResultRow final : public Row {
 public:
  ResultRow(const ResultSet& results, int row) : results_(results), row_(row) {}

  [[nodiscard]] Cell At(size_t index) const override;

 protected:
  [[nodiscard]] bool Read(std::string_view column, Cell& cell) const override;

 private:
  [[nodiscard]] int Find(std::string_view column) const;  // -1: none

  const ResultSet& results_;
  int row_;
  mutable int next_column_ = 0;  // behind the one that was asked for
};

// A process of the server, which no other is mistaken for.
struct ServerProcess {
  int pid = 0;
  int64_t started_at = 0;  // by the server's clock, microseconds
};

struct Notification {
  std::string channel;
  std::string payload;
  int sender_pid = 0;
};

// Used by one thread at a time; the owner sees to that.
class Connection {
 public:
  // Errors: kUnavailable with BackendDetail(kConnection), or BackendDetail(kReadOnly): the server is a
  // standby, now; kFailedPrecondition: it refuses this role, password or database, is too old, or does not
  // store UTF-8; kDeadlineExceeded. `options` must outlive the connection.
  [[nodiscard]] static Result<std::unique_ptr<Connection>> Open(const ConnectionOptions& options,
                                                                Deadline deadline);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs statements in one round trip, each exactly one SQL statement; their results, in order. The first
  // that fails ends it, and its error is returned; outside of a transaction begun before, what ran in
  // front of it is undone.
  // After a lost connection, or a deadline that passed, nothing more can be done with it: see lost().
  [[nodiscard]] Result<std::vector<ResultSet>> Run(std::span<const Statement> statements,
                                                   Deadline deadline = Deadline::Never());
  [[nodiscard]] Result<ResultSet> RunOne(std::string_view sql, std::initializer_list<SqlValue> params = {},
                                         Deadline deadline = Deadline::Never());
  // Sends a statement and does not wait for its answer, which the next Run() throws away.
  void SendOnly(std::string_view sql);
  // Runs a text of several statements, without parameters or results.
  [[nodiscard]] Result<void> RunScript(const std::string& sql);

  // Runs one statement and calls `row` for each row as it comes, until it returns false or fails; the
  // connection can do nothing else meanwhile, and nothing at all once a call has not come to its end.
  [[nodiscard]] Result<void> Stream(const std::string& sql, const Transaction::RowFn& row);
  // COPY ... FROM STDIN: begin, then any number of pieces, then the end, which says whether it was taken.
  [[nodiscard]] Result<void> BeginCopyIn(const std::string& sql);
  [[nodiscard]] Result<void> PutCopyIn(std::string_view bytes);
  [[nodiscard]] Result<void> EndCopyIn();
  // The other end: nothing of it is taken, and the transaction can only be rolled back.
  void AbandonCopyIn();

  [[nodiscard]] bool lost() const { return lost_; }
  // To be closed instead of being used again.
  void Abandon() { lost_ = true; }
  // Looks, without a round trip, whether the server has closed it.
  [[nodiscard]] bool LooksAlive();
  // Forgets prepared statements when there are too many; between transactions.
  void TrimStatements();

  // The server process behind it; still known when the connection is lost.
  [[nodiscard]] const ServerProcess& process() const { return process_; }
  [[nodiscard]] int pid() const { return process_.pid; }
  // Numbers the transactions that it commits.
  [[nodiscard]] CommitMarker& marker() { return marker_; }
  [[nodiscard]] int socket() const;  // to wait on for notifications
  // Takes in what has come, without waiting. Errors: kUnavailable: lost.
  [[nodiscard]] Result<std::vector<Notification>> TakeNotifications();

  [[nodiscard]] std::chrono::steady_clock::time_point opened_at() const { return opened_at_; }

 private:
  struct Prepared {
    std::string name;
    bool ready = false;  // the server has said so
  };
  struct Sent {
    Prepared* statement = nullptr;
    bool prepares = false;  // else it runs
    bool is_old = false;    // it was prepared by an earlier round trip
  };

  Connection(pg_conn* connection, const ConnectionOptions& options)
      : connection_(connection), options_(options) {}
  [[nodiscard]] Result<void> Connect(Deadline deadline);
  [[nodiscard]] Result<void> CheckServer(Deadline deadline);
  [[nodiscard]] bool Send(const Statement& statement, std::vector<Sent>& sent);
  [[nodiscard]] Result<void> Flush(Deadline deadline);
  [[nodiscard]] Result<pg_result*> Next(Deadline deadline);
  [[nodiscard]] Result<void> SkipToSync(Deadline deadline);
  [[nodiscard]] Result<std::vector<ResultSet>> Receive(std::span<const Sent> sent, Deadline deadline);
  [[nodiscard]] Result<void> Wait(bool to_write, Deadline deadline);
  [[nodiscard]] bool ServerAnswers() const;
  [[nodiscard]] Error Lose();
  static void TakeNotice(void* self, const pg_result* notice);
  // Outside of the pipeline: begins, and reads the results to their end. In bulk.cc.
  [[nodiscard]] Result<void> LeavePipeline();
  [[nodiscard]] Result<void> FinishPlain();
  [[nodiscard]] Result<void> FinishStream();

  pg_conn* connection_;
  const ConnectionOptions& options_;
  bool lost_ = false;
  int unread_syncs_ = 0;  // of SendOnly
  int64_t next_name_ = 0;
  ServerProcess process_;
  CommitMarker marker_;
  std::unordered_map<std::string, Prepared, TextHash, std::equal_to<>> statements_;
  std::chrono::steady_clock::time_point opened_at_ = std::chrono::steady_clock::now();
};

}  // namespace jammi::postgres
