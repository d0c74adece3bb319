// Holds what a database contains against the ledger of what it was asked for and acknowledged.
#pragma once

#include <string>
#include <vector>

#include "crash/ledger.h"
#include "crash/system.h"

namespace jammi::test {

// What is wrong, one sentence each; empty = nothing. `acknowledged_until`: the ledger's length at the
// crash. Right is:
// * every topic, model and event acknowledged by then is there, the event at its offset, with its bytes;
// * nothing is there that was never asked for, and no event twice;
// * no offset of a topic was acknowledged for two events, no event at two offsets;
// * of a pair that was published together both are there, one behind the other, or neither is.
[[nodiscard]] std::vector<std::string> Judge(const Contents& contents,
                                             const std::vector<LedgerEntry>& entries,
                                             size_t acknowledged_until);

// A ledger that takes all of `contents` for acknowledged: where the next run begins.
void BeginWith(const Contents& contents, Ledger& ledger);

}  // namespace jammi::test
