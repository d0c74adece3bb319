#include "support/fake_nats_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace jammi::test {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

void Send(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    text.remove_prefix(static_cast<size_t>(sent));
  }
}

std::vector<std::string> Words(std::string_view line) {
  std::vector<std::string> words;
  while (!line.empty()) {
    const size_t end = std::min(line.find(' '), line.size());
    if (end > 0) words.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

}  // namespace

FakeNatsServer::FakeNatsServer(Script script, bool headers) : script_(std::move(script)), headers_(headers) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 8) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("FakeNatsServer: cannot listen");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

FakeNatsServer::~FakeNatsServer() {
  stop_ = true;
  thread_.join();
  close(listener_);
}

std::string FakeNatsServer::Url() const { return fmt::format("nats://127.0.0.1:{}", port_); }

std::vector<FakeNatsServer::Published> FakeNatsServer::published() const {
  const std::lock_guard lock(mutex_);
  return published_;
}

void FakeNatsServer::Serve() {
  while (!stop_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (poll(&waiting, 1, 10) <= 0) continue;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    Talk(fd);
    close(fd);
  }
}

void FakeNatsServer::Talk(int fd) {
  subscriptions_.clear();
  Send(fd, fmt::format(R"(INFO {{"server_id":"FAKE","version":"2.10.0","proto":1,"headers":{},)"
                       R"("max_payload":1048576,"host":"127.0.0.1","port":{}}})"
                       "\r\n",
                       headers_, port_));
  std::string input;
  while (!stop_) {
    pollfd waiting{fd, POLLIN, 0};
    if (poll(&waiting, 1, 10) <= 0) continue;
    char buffer[16384];
    const ssize_t size = recv(fd, buffer, sizeof(buffer), 0);
    if (size <= 0) return;
    input.append(buffer, static_cast<size_t>(size));
    while (TakeOne(fd, &input)) {
    }
  }
}

bool FakeNatsServer::TakeOne(int fd, std::string* input) {
  const size_t end = input->find(kLineEnd);
  if (end == std::string::npos) return false;
  const std::string line = input->substr(0, end);
  const auto words = Words(line);
  const std::string verb = words.empty() ? "" : words.front();
  if (verb == "PUB" || verb == "HPUB") return TakePublish(fd, line, input);
  input->erase(0, end + kLineEnd.size());
  if (verb == "PING") Send(fd, "PONG\r\n");
  if (verb == "SUB") subscriptions_.push_back({words.at(1).substr(0, words.at(1).find('*')), words.back()});
  return true;
}

// PUB <subject> [<reply>] <size>, HPUB <subject> [<reply>] <size of the headers> <size of all>
bool FakeNatsServer::TakePublish(int fd, std::string_view line, std::string* input) {
  const auto words = Words(line);
  const bool with_headers = words.front() == "HPUB";
  const size_t total = std::stoul(words.back());
  const size_t headers = with_headers ? std::stoul(words.at(words.size() - 2)) : 0;
  const size_t begin = line.size() + kLineEnd.size();
  if (input->size() < begin + total + kLineEnd.size()) return false;
  const Published message{words.at(1), input->substr(begin, headers),
                          input->substr(begin + headers, total - headers)};
  const bool has_reply = words.size() == (with_headers ? 5 : 4);
  const std::string reply = has_reply ? words.at(2) : "";
  input->erase(0, begin + total + kLineEnd.size());
  {
    const std::lock_guard lock(mutex_);
    published_.push_back(message);
  }
  if (const auto answer = script_(message); answer && has_reply) Tell(fd, reply, *answer);
  return true;
}

void FakeNatsServer::Tell(int fd, const std::string& reply, const Answer& answer) {
  for (const auto& [prefix, id] : subscriptions_) {
    if (!reply.starts_with(prefix)) continue;
    const size_t total = answer.headers.size() + answer.body.size();
    if (answer.headers.empty()) {
      Send(fd, fmt::format("MSG {} {} {}\r\n{}\r\n", reply, id, total, answer.body));
    } else {
      Send(fd, fmt::format("HMSG {} {} {} {}\r\n{}{}\r\n", reply, id, answer.headers.size(), total,
                           answer.headers, answer.body));
    }
  }
}

}  // namespace jammi::test
