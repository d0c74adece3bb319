// An answer that takes a while to find, for all who ask for it meanwhile.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "http/http_message.h"

namespace jammi {

// Thread-safe. The work is done on a thread of its own, once for all who wait when it begins: nobody gets an
// answer that is older than his question, and a hundred who ask at once cost two runs.
class SharedAnswer {
 public:
  // `work` may wait, but not for ever: the destructor waits for it.
  explicit SharedAnswer(std::function<HttpResponse()> work);
  // Who still waits is not answered.
  ~SharedAnswer() = default;
  SharedAnswer(const SharedAnswer&) = delete;
  SharedAnswer& operator=(const SharedAnswer&) = delete;

  void Ask(HttpRespond respond);

 private:
  void Run(const std::stop_token& stop);

  const std::function<HttpResponse()> work_;
  std::mutex mutex_;
  std::condition_variable_any asked_;
  std::vector<HttpRespond> waiting_;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace jammi
