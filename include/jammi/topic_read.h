// A topic's events without a subscription: one page for each call, and nothing kept in between.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "jammi/clock.h"
#include "jammi/position.h"
#include "jammi/trigger.h"

namespace jammi {

struct ReadOptions {
  std::string predicate;      // as SubscribeOptions::predicate
  int64_t max_events = 1000;  // to be returned; 1 to 10,000
  int64_t max_bytes =
      1 << 20;  // of these, as they are stored; one is returned however large it is; 1 or more
  // Asked before each of the few reads of the log: it ends with kDeadlineExceeded, or with kCancelled once
  // `stop` is requested.
  Deadline deadline = {};
  std::stop_token stop = {};
};

struct EventPage {
  // What a subscription would deliver, in order. It may be empty although there is more to come: where the
  // reader sees little of what is there, a call looks at a few thousand events and returns.
  std::vector<Delivery> deliveries;
  Position next;           // where to go on: From::Position(next)
  bool at_head = false;    // there was nothing at or above `next`
  uint64_t head = 0;       // the topic's next offset, and
  uint64_t low_water = 0;  // the oldest offset that can be read, as of this page
};

}  // namespace jammi
