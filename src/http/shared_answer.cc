#include "http/shared_answer.h"

#include <utility>

#include "base/callback.h"

namespace jammi {

SharedAnswer::SharedAnswer(std::function<HttpResponse()> work)
    : work_(std::move(work)), thread_([this](const std::stop_token& stop) { Run(stop); }) {}

void SharedAnswer::Ask(HttpRespond respond) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(respond));
  asked_.notify_one();
}

void SharedAnswer::Run(const std::stop_token& stop) {
  while (true) {
    std::vector<HttpRespond> those;
    {
      std::unique_lock lock(mutex_);
      if (!asked_.wait(lock, stop, [this] { return !waiting_.empty(); })) return;
      those.swap(waiting_);
    }
    HttpResponse response = HttpError(500, "Internal error", "internal");
    const auto work = [&] { response = work_(); };
    CallBack("http", work);
    for (auto& respond : those) respond(response);
  }
}

}  // namespace jammi
