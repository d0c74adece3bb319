// The program `evsink`, run in a folder of a test's own.
#pragma once

#include "support/program_test.h"

namespace jammi::evsink {

using test::Outcome;

// E1 of the specification.
inline constexpr const char* kE1 =
    R"({"specversion":"1.0","id":"e1","source":"/cellos/supervisor/h1",)"
    R"("type":"dev.cellos.events.cell.lifecycle.v1.started","time":"2026-01-02T03:04:05Z",)"
    R"("datacontenttype":"application/json",)"
    R"("data":{"correlation":{"tenantId":"acme"},"argv":["[redacted]"],"n":1}})"
    "\n";
inline constexpr const char* kE2 = R"({"specversion":"1.0","id":"e2","source":"s","type":"t"})"
                                   "\n";

class Evsink : public test::ProgramTest {
 protected:
  Evsink() : ProgramTest(JAMMI_PROGRAM) {}
};

}  // namespace jammi::evsink
