// What reaches the log, and in which form.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "base/log_output.h"

namespace jammi {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;

LogFilter Filter(std::string_view text) { return *ParseLogFilter(text); }

class LogTest : public testing::Test {
 protected:
  ~LogTest() override { SetLogOutput(LogStream::kError, Filter("warn"), LogFormat::kText); }

  // What `write` puts on the standard output.
  static std::string Output(std::string_view filter, LogFormat format, const std::function<void()>& write) {
    SetLogOutput(LogStream::kOutput, Filter(filter), format);
    testing::internal::CaptureStdout();
    write();
    return testing::internal::GetCapturedStdout();
  }
};

// SRV-060
TEST_F(LogTest, Srv060JsonHasOneObjectALine) {
  const LogField fields[] = {{"duration_ms", "3"}};
  const LogField span_fields[] = {{"tenant_id", "t"}};
  const auto text = Output("jammi::rpc=debug", LogFormat::kJson, [&] {
    LogWrite({.level = LogLevel::kDebug,
              .target = LogTarget::kRpc,
              .message = "two\nlines and no \xff",
              .fields = fields,
              .span = "Publish",
              .span_fields = span_fields});
  });
  ASSERT_EQ(std::ranges::count(text, '\n'), 1) << text;
  const auto line = nlohmann::json::parse(text);
  EXPECT_THAT(line["timestamp"].get<std::string>(), MatchesRegex("[0-9-]{10}T[0-9:]{8}\\.[0-9]{6}Z"));
  EXPECT_EQ(line["level"], "DEBUG");
  EXPECT_EQ(line["fields"]["message"], "two\nlines and no \uFFFD");
  EXPECT_EQ(line["fields"]["duration_ms"], "3");
  EXPECT_EQ(line["target"], "jammi::rpc");
  EXPECT_EQ(line["span"]["name"], "Publish");
  EXPECT_EQ(line["span"]["tenant_id"], "t");
}

TEST_F(LogTest, Srv060TextIsOneLineWithoutColourWhereNobodyLooks) {
  const auto text = Output("info", LogFormat::kText, [] { Log(LogLevel::kInfo, "a name\nwith \x1b[31m"); });
  EXPECT_THAT(text, EndsWith("Z info a name with  [31m\n"));
}

TEST_F(LogTest, TheStreamIsTheProgramsChoice) {
  SetLogOutput(LogStream::kError, Filter("info"), LogFormat::kText);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Log(LogLevel::kInfo, "there");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("there"));
}

TEST_F(LogTest, AFilterHasLevelsOfTargets) {
  const auto levels = [](std::string_view text) { return Filter(text).levels; };
  using Levels = decltype(LogFilter::levels);
  EXPECT_EQ(levels("debug"), (Levels{LogLevel::kDebug, LogLevel::kDebug}));
  EXPECT_EQ(levels("warn, jammi::rpc = debug"), (Levels{LogLevel::kWarning, LogLevel::kDebug}));
  EXPECT_EQ(levels("jammi::rpc=off,jammi=trace"),
            (Levels{LogLevel::kTrace, LogLevel::kOff}));  // the longer name
  EXPECT_EQ(levels("hyper=debug"), (Levels{LogLevel::kInfo, LogLevel::kInfo}));
  EXPECT_EQ(ParseLogFilter("info,=debug").error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(ParseLogFilter("info,jammi=loud").error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(LogTest, WhatIsBelowTheLevelIsNotWritten) {
  EXPECT_EQ(Output("warn", LogFormat::kText,
                   [] {
                     LogWrite(LogLevel::kInfo, "quiet");
                     LogWrite({.level = LogLevel::kInfo, .target = LogTarget::kRpc, .message = "quiet"});
                   }),
            "");
}

}  // namespace
}  // namespace jammi
