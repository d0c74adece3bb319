// How many lines the log gets about calls that failed. Anybody can make calls that are refused: whoever makes
// many must not fill the disk, nor hide what else the log says.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "jammi/clock.h"
#include "rpc/call.h"

namespace jammi {

// Thread-safe.
class LoudLines {
 public:
  static constexpr int kMost = 60;  // of a code, within a minute of the first one

  // nullptr: the machine's clock.
  explicit LoudLines(std::shared_ptr<Clock> clock);
  // Says what has not been said yet.
  ~LoudLines();
  LoudLines(const LoudLines&) = delete;
  LoudLines& operator=(const LoudLines&) = delete;

  // May a call that ended so have its line? That there are no more of them is said when the first one is left
  // out, and how many there were when the next one gets its line.
  [[nodiscard]] bool Take(RpcCode code);

 private:
  struct Minute {
    UnixMicros began = 0;
    int written = 0;
    uint64_t left_out = 0;
  };
  static void SayLeftOut(RpcCode code, Minute& minute);

  const std::shared_ptr<Clock> clock_;
  std::mutex mutex_;
  std::map<RpcCode, Minute> minutes_;
};

}  // namespace jammi
