// jammi consumers beside a real server.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "cli/remote_fixture.h"

namespace jammi {
namespace {

using testing::HasSubstr;

TEST_F(RemoteCli, Cli070Consumers) {
  Out({"trigger", "register", "--name", "quakes", "--schema", "id:int"});
  EXPECT_EQ(Out({"consumers", "list", "--topic", "quakes"}), "No consumers registered.\n");
  EXPECT_EQ(
      Out({"consumers", "create", "billing", "--topic", "quakes", "--from", "begin", "--where", "id > 1"}),
      "Consumer 'billing' created at offset 0.\n");
  EXPECT_EQ(Out({"consumers", "list", "--topic", "quakes"}),
            "Name                           Offset       Lag          Reader\n"
            "--------------------------------------------------------------------------------\n"
            "billing                        0            0            \u2014\n");
  EXPECT_EQ(
      Out({"consumers", "describe", "billing", "--topic", "quakes"}),
      "name:      billing\noffset:    0\nhead:      0\nlag:       0\npredicate: id > 1\nreader:    \u2014\n");
  EXPECT_EQ(Out({"consumers", "reset", "billing", "--topic", "quakes", "--to", "begin"}),
            "Consumer 'billing' reset to offset 0.\n");
  EXPECT_EQ(Error({"consumers", "reset", "billing", "--topic", "quakes", "--to", "start"}),
            "Error: --to: 'start' is not begin, end, an offset or a time such as <time>\n");
  EXPECT_EQ(Out({"consumers", "delete", "billing", "--topic", "quakes"}), "Consumer 'billing' deleted.\n");
  EXPECT_THAT(Error({"consumers", "describe", "billing", "--topic", "quakes"}), HasSubstr("billing"));
  EXPECT_THAT(Error({"consumers", "list", "--topic", "nope"}), HasSubstr("nope"));
  EXPECT_EQ(Jammi({"consumers", "list"}).exit, 2);
}

}  // namespace
}  // namespace jammi
