#include "rpc/loud_lines.h"

#include <gmock/gmock.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/log_output.h"

namespace jammi::test {
namespace {

using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class LoudLinesTest : public testing::Test {
 protected:
  LoudLinesTest() { testing::internal::CaptureStderr(); }
  ~LoudLinesTest() override { (void)testing::internal::GetCapturedStderr(); }

  // How many of these calls have a line.
  int Take(int calls, RpcCode code = RpcCode::kUnauthenticated) {
    int lines = 0;
    for (int i = 0; i < calls; ++i) lines += lines_->Take(code) ? 1 : 0;
    return lines;
  }
  // What it wrote itself since the last time.
  static std::string Said() {
    auto said = testing::internal::GetCapturedStderr();
    testing::internal::CaptureStderr();
    return said;
  }

  const std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>(1'700'000'000'000'000);
  std::optional<LoudLines> lines_{clock_};
};

TEST_F(LoudLinesTest, AMinuteHasSoManyAndIsThenQuiet) {
  EXPECT_EQ(Take(60), 60);
  EXPECT_THAT(Said(), IsEmpty());
  EXPECT_EQ(Take(1), 0);
  EXPECT_THAT(Said(), HasSubstr("60 calls ended with UNAUTHENTICATED within a minute"));
  EXPECT_EQ(Take(100'000), 0);
  EXPECT_THAT(Said(), IsEmpty());
}

TEST_F(LoudLinesTest, TheNextMinuteSaysHowManyWereLeftOut) {
  EXPECT_EQ(Take(70), 60);
  clock_->Advance(seconds(59));
  EXPECT_EQ(Take(5), 0);
  (void)Said();
  clock_->Advance(seconds(1));
  EXPECT_EQ(Take(60), 60);
  EXPECT_THAT(Said(), HasSubstr("15 more calls ended with UNAUTHENTICATED"));
  clock_->Advance(seconds(3600));
  EXPECT_EQ(Take(1), 1);
  EXPECT_THAT(Said(), IsEmpty()) << "none was left out";
}

TEST_F(LoudLinesTest, FewCallsHaveTheirLinesAllTheTime) {
  for (int minute = 0; minute < 10; ++minute, clock_->Advance(seconds(60))) EXPECT_EQ(Take(60), 60);
  EXPECT_THAT(Said(), IsEmpty());
}

TEST_F(LoudLinesTest, EachCodeHasItsOwn) {
  EXPECT_EQ(Take(61), 60);
  EXPECT_EQ(Take(61, RpcCode::kPermissionDenied), 60);
  EXPECT_THAT(Said(), AllOf(HasSubstr("UNAUTHENTICATED"), HasSubstr("PERMISSION_DENIED")));
}

TEST_F(LoudLinesTest, TheEndSaysWhatWasNotSaid) {
  (void)Take(62);
  (void)Take(60, RpcCode::kPermissionDenied);
  (void)Said();
  lines_.reset();
  EXPECT_THAT(Said(), AllOf(HasSubstr("2 more calls ended with UNAUTHENTICATED"),
                            Not(HasSubstr("PERMISSION_DENIED"))));
}

TEST_F(LoudLinesTest, AClockThatIsSetBackBeginsAnew) {
  EXPECT_EQ(Take(61), 60);
  clock_->Advance(-seconds(3600));
  EXPECT_EQ(Take(1), 1);
}

}  // namespace
}  // namespace jammi::test
