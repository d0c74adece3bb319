// What an operator should know about the stream that takes the events.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jammi::events {

// What is asked of a stream.
struct StreamNeeds {
  std::chrono::hours min_age{24 * 90};  // events are kept so long, or without end
  // A message id that comes again within this time is known.
  std::chrono::seconds min_duplicate_window{120};
  int min_replicas = 1;
};

enum class StreamProblem : uint8_t {
  kNoStream,           // no stream takes the subject
  kSeveralStreams,     // more than one takes a part of what the template resolves to
  kNotCovered,         // it takes only some of what the template resolves to
  kOtherStream,        // not the expected one
  kAge,                // events are deleted too early
  kStorage,            // events are in memory only
  kDuplicateWindow,    // too short
  kReplicas,           // too few
  kNoAcknowledgement,  // the stream is set not to answer publishers
};
[[nodiscard]] std::string_view ToString(StreamProblem problem);  // "not_covered"

struct StreamFinding {
  StreamProblem problem = StreamProblem::kNoStream;
  std::string message;
};

// How a stream is, and everything that is wrong with it; empty: nothing.
struct StreamReport {
  std::string subject;  // what the template resolves to, with wildcards
  std::string stream;   // empty: there is none
  std::vector<std::string> subjects = {};
  std::chrono::seconds max_age{0};  // 0 = without end
  std::chrono::seconds duplicate_window{0};
  bool on_file = false;
  int replicas = 0;
  uint64_t messages = 0;
  uint64_t bytes = 0;
  std::vector<StreamFinding> findings = {};
};

}  // namespace jammi::events
