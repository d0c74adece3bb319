// Two who work on ephemeral sessions at the same time: on PostgreSQL two engines, else two threads of one.
#pragma once

#include <barrier>
#include <string>
#include <thread>
#include <vector>

#include "ephemeral/ephemeral_fixture.h"

namespace jammi::test {

class EphemeralRaceTest : public EphemeralTest {
 protected:
  void SetUp() override {
    SetLog(LogLevel::kError, LogFormat::kText);
    Open(node_);
    if (harness_->kind() == BackendKind::kSqlite) return;
    Open(second_);
    other_ = &second_;
  }
  void TearDown() override { second_.Close(); }

  template <class One, class Two>
  static void AtOnce(One one, Two two) {
    std::barrier start(2);
    const auto begin = [&](auto& what) {
      start.arrive_and_wait();
      what();
    };
    std::jthread thread([&] { begin(one); });
    begin(two);
  }
  // Since the last time that this was asked.
  std::vector<std::string> NewlyTold() {
    auto told = Told();
    told.erase(told.begin(), told.begin() + static_cast<std::ptrdiff_t>(seen_));
    seen_ += told.size();
    return told;
  }

  EphemeralNode second_;
  EphemeralNode* other_ = &node_;
  size_t seen_ = 0;
};

}  // namespace jammi::test
