#include "rpc/trace_context.h"

#include <gtest/gtest.h>

#include <string>

namespace jammi {
namespace {

const std::string kTrace = "0af7651916cd43dd8448eb211c80319c";
const std::string kGood = "00-" + kTrace + "-b7ad6b7169203331-01";

// SRV-061
TEST(TraceContext, Srv061ATraceParentIsOfItsForm) {
  EXPECT_TRUE(IsTraceParent(kGood));
  EXPECT_EQ(TraceOf(kGood), kTrace);
  EXPECT_TRUE(IsTraceParent("00-" + kTrace + "-b7ad6b7169203331-00"));
  EXPECT_TRUE(IsTraceParent("00-" + kTrace + "-b7ad6b7169203331-ff"));
  // Of versions to come as much counts as is known.
  EXPECT_TRUE(IsTraceParent("01-" + kTrace + "-b7ad6b7169203331-01"));
  EXPECT_TRUE(IsTraceParent("cc-" + kTrace + "-b7ad6b7169203331-01-what-comes"));
}

TEST(TraceContext, Srv061AnythingElseIsNone) {
  for (std::string bad : {
           std::string(),
           std::string("00"),
           kGood.substr(0, 54),
           kGood + "0",
           kGood + "-more",  // version 00 has no more
           "ff" + kGood.substr(2),
           "0g" + kGood.substr(2),
           "00-" + std::string(32, '0') + kGood.substr(35),
           "00-" + kTrace + "-0000000000000000-01",
           "00-0AF7651916CD43DD8448EB211C80319C" + kGood.substr(35),
           kGood.substr(0, 53) + "0x",
           "01" + kGood.substr(2) + "more",
           "01" + kGood.substr(2) + "-a b",
           "01" + kGood.substr(2) + "-a\n",
           "01" + kGood.substr(2) + "-" + std::string(300, 'a'),
           " " + kGood.substr(1),
           std::string(55, '-'),
           std::string(55, '\0'),
       }) {
    EXPECT_FALSE(IsTraceParent(bad)) << bad;
  }
  for (const size_t dash : {2, 35, 52}) {
    std::string bad = kGood;
    bad[dash] = '0';
    EXPECT_FALSE(IsTraceParent(bad)) << bad;
  }
}

}  // namespace
}  // namespace jammi
