// What became of each event that was sent, printed in the order in which they were read.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <iosfwd>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "evsink/line_reader.h"
#include "jammi/error.h"

namespace jammi::evsink {

enum class Outcome : uint8_t { kDelivered, kSpooled, kSpilled, kDiscarded, kFailed };

struct EmitOutcome {
  Outcome outcome = Outcome::kDelivered;
  std::string dead_letter = {};     // kSpilled: the file
  std::optional<Error> error = {};  // kFailed
};

struct EmitCounts {
  uint64_t delivered = 0;
  uint64_t spooled = 0;
  uint64_t spilled = 0;
  uint64_t discarded = 0;
  uint64_t failed = 0;
  uint64_t storage = 0;  // of those that failed: because of a file
  bool written = true;   // all of it reached the output
};

// Thread-safe; a thread of its own prints, so that nobody who sends waits for the reader of the output.
class EmitResults {
 public:
  // Uses `out` until Finish(). `quiet`: what was delivered or spooled is not printed.
  EmitResults(std::ostream& out, bool quiet);
  ~EmitResults();  // Finish()
  EmitResults(const EmitResults&) = delete;
  EmitResults& operator=(const EmitResults&) = delete;

  // An event was read. Waits while too many have no outcome. The result is for Complete().
  struct Expected;
  [[nodiscard]] Expected* Expect(const Line& place, std::string id);
  // Exactly once for each.
  void Complete(Expected* expected, EmitOutcome outcome);

  [[nodiscard]] bool writable() const;

  // Prints all; waits for those that have no outcome yet. Idempotent.
  [[nodiscard]] EmitCounts Finish();

 private:
  void Print();
  void PrintOne(const Expected& expected);
  void Count(const EmitOutcome& outcome);

  std::ostream& out_;
  const bool quiet_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Expected>> expected_;  // in the order of Expect()
  bool finishing_ = false;
  EmitCounts counts_;
  std::thread printer_;
};

}  // namespace jammi::evsink
