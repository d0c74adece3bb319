// The trace that a transaction leaves of its COMMIT, for when the answer to it is lost.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "catalog/postgres/statement.h"
#include "jammi/clock.h"
#include "jammi/result.h"

namespace jammi::postgres {

class Connection;

// What a committed transaction has written into commit_marks: it is there exactly if the transaction
// happened, whatever became of the server since. (The server's own number of a transaction says less: a
// crashed server gives the last ones again.)
struct CommitMark {
  std::string slot;
  int64_t number = 0;
};

// Numbers the marks of one connection. They overwrite each other: at most one transaction of a connection
// is in doubt. A row takes a few of them only, because versions of a row that an old snapshot keeps alive
// make it slower to update each time; then it makes way for a new one. What a connection leaves behind is
// swept (SweepCommitMarks).
class CommitMarker {
 public:
  CommitMarker();

  // The statements that leave the next mark, to be sent in front of COMMIT, with it in one round trip. The
  // first changes no row where the transaction has changed nothing: nobody will ask about that. They borrow
  // from this object until the next call.
  [[nodiscard]] std::vector<Statement> Next();
  // The mark that was sent last; it was committed if Committed() is called.
  [[nodiscard]] const CommitMark& last() const { return mark_; }
  void Committed();
  // A statement that removes what is there of the connection, before it is closed; empty: nothing is.
  [[nodiscard]] std::string Farewell() const;

 private:
  CommitMark mark_;
  int marks_in_row_ = 0;
  std::string old_slot_;  // to be dropped; empty: none
  std::array<SqlValue, 2> write_params_;
  std::array<SqlValue, 1> drop_params_;
};

// Is the mark there? To be asked when its transaction is over, outside of any transaction.
[[nodiscard]] Result<bool> IsMarked(Connection& connection, const CommitMark& mark, Deadline deadline);

// Removes what connections have left that did not end in order: rows that are a day old. Nobody asks so late.
[[nodiscard]] Result<void> SweepCommitMarks(Connection& connection);

}  // namespace jammi::postgres
