// The program `jammi`, run in a folder of a test's own.
#pragma once

#include "support/program_test.h"

namespace jammi {

using test::Outcome;

class Cli : public test::ProgramTest {
 protected:
  Cli() : ProgramTest(JAMMI_PROGRAM) {}
};

}  // namespace jammi
