// What the crash tests do to an engine: publishing from several threads to several topics, one event at a
// time, in bursts that share commits, and in pairs under a producer key, beside registrations of topics and
// models.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "crash/ledger.h"
#include "crash/system.h"
#include "jammi/error.h"

namespace jammi::test {

struct WorkloadOptions {
  std::string name;              // part of every name and key; of this run alone
  uint64_t seed = 0;             //
  std::set<std::string> topics;  // registered already
  // Part of the producer keys; runs of the same name publish the same once more. Empty: nothing is published
  // under a key.
  std::string once = {};
  int publishers = 4;         // threads
  int steps = 25;             // per thread; a step is one event or a burst
  size_t max_payload = 2000;  // bytes
};

// Enters each call and its success into `ledger`. Returns the errors of all calls that failed.
std::vector<Error> RunWorkload(System& system, Ledger& ledger, const WorkloadOptions& options);

}  // namespace jammi::test
