#include "evsink/emit_results.h"

#include <ostream>
#include <utility>

#include "evsink/report.h"
#include "jammi/events/fault.h"

namespace jammi::evsink {
namespace {

// More than any window of a sink; it bounds what a slow reader of the output can make us keep.
constexpr size_t kMaxExpected = 8192;

std::string_view OutcomeText(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDelivered:
      return "delivered";
    case Outcome::kSpooled:
      return "spooled";
    case Outcome::kSpilled:
      return "spilled";
    case Outcome::kDiscarded:
      return "discarded";
    case Outcome::kFailed:
      return "failed";
  }
  return "failed";
}

}  // namespace

struct EmitResults::Expected {
  Line place;  // without its text
  std::string id;
  std::optional<EmitOutcome> outcome;
};

EmitResults::EmitResults(std::ostream& out, bool quiet)
    : out_(out), quiet_(quiet), printer_([this] { Print(); }) {}

EmitResults::~EmitResults() { static_cast<void>(Finish()); }

EmitResults::Expected* EmitResults::Expect(const Line& place, std::string id) {
  auto made = std::make_unique<Expected>();
  made->place = {.text = {}, .file = place.file, .number = place.number};
  made->id = std::move(id);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return expected_.size() < kMaxExpected; });
  return expected_.emplace_back(std::move(made)).get();
}

void EmitResults::Complete(Expected* expected, EmitOutcome outcome) {
  const std::lock_guard lock(mutex_);
  Count(outcome);
  expected->outcome = std::move(outcome);
  changed_.notify_all();
}

bool EmitResults::writable() const {
  const std::lock_guard lock(mutex_);
  return counts_.written;
}

EmitCounts EmitResults::Finish() {
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
    changed_.notify_all();
  }
  if (printer_.joinable()) printer_.join();
  return counts_;
}

void EmitResults::Count(const EmitOutcome& outcome) {
  switch (outcome.outcome) {
    case Outcome::kDelivered:
      ++counts_.delivered;
      break;
    case Outcome::kSpooled:
      ++counts_.spooled;
      break;
    case Outcome::kSpilled:
      ++counts_.spilled;
      break;
    case Outcome::kDiscarded:
      ++counts_.discarded;
      break;
    case Outcome::kFailed:
      ++counts_.failed;
      if (events::ClassOf(events::FaultOf(*outcome.error)) == events::FaultClass::kStorage) ++counts_.storage;
      break;
  }
}

void EmitResults::Print() {
  std::unique_lock lock(mutex_);
  const auto ready = [&] { return !expected_.empty() && expected_.front()->outcome; };
  for (;;) {
    if (!ready()) {
      // Nothing to print for now: who reads the output shall see what there is.
      lock.unlock();
      const bool flushed = static_cast<bool>(out_.flush());
      lock.lock();
      counts_.written = counts_.written && flushed;
      changed_.wait(lock, [&] { return ready() || (finishing_ && expected_.empty()); });
      if (!ready()) return;
    }
    const auto first = std::move(expected_.front());
    expected_.pop_front();
    changed_.notify_all();
    lock.unlock();
    PrintOne(*first);
    lock.lock();
  }
}

void EmitResults::PrintOne(const Expected& expected) {
  const EmitOutcome& outcome = *expected.outcome;
  if (quiet_ && (outcome.outcome == Outcome::kDelivered || outcome.outcome == Outcome::kSpooled)) return;
  ResultLine line(expected.place);
  if (!expected.id.empty()) line.Text("id", expected.id);
  line.Text("outcome", OutcomeText(outcome.outcome));
  if (!outcome.dead_letter.empty()) line.Text("dead_letter", outcome.dead_letter);
  if (outcome.error) line.Failure(*outcome.error);
  out_ << line.Finish();
}

}  // namespace jammi::evsink
