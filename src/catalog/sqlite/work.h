// What waits for the writer: a body or events.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "catalog/event_log.h"
#include "catalog/sqlite/transaction.h"
#include "jammi/catalog_backend.h"

namespace jammi::sqlite {

// Belongs to the one who submitted it: on his stack while he waits, or on the heap with a `done`.
struct Work {
  Lane lane = Lane::kNormal;
  Deadline deadline;
  const CatalogBackend::Body* body = nullptr;  // null: an append
  AppendRequest request;                       // of an append
  EventLog::Done done;                         // of an append nobody waits for; else empty

  // Set by the run that counts.
  Result<void> outcome;
  AppendOutcome appended;
  BodyEffects effects;

  // The queue's.
  std::chrono::steady_clock::time_point submitted;
  size_t bell = 0;
  bool queued = false;
  Work* previous = nullptr;
  Work* next = nullptr;
  std::atomic<bool> finished = false;  // after it the work belongs to its submitter again

  [[nodiscard]] bool is_body() const { return body != nullptr; }
  [[nodiscard]] bool is_waited_for() const { return !done; }
  [[nodiscard]] int64_t payload_bytes() const;
  // What it counts for in a group: its events, or one body.
  [[nodiscard]] int64_t weight() const { return is_body() ? 1 : std::ssize(request.events); }
};

// A list through the works themselves: nothing is allocated, and one can leave from the middle.
class WorkList {
 public:
  [[nodiscard]] bool empty() const { return first_ == nullptr; }
  [[nodiscard]] Work* front() const { return first_; }
  void PushBack(Work& work);
  void Remove(Work& work);

 private:
  Work* first_ = nullptr;
  Work* last_ = nullptr;
};

}  // namespace jammi::sqlite
