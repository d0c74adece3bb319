// A proxy in front of a server that cuts connections where a test says.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace jammi::test {

// Thread-safe.
class TcpProxy {
 public:
  // What a message is: PostgreSQL's, or whatever comes at once.
  enum class Messages : uint8_t { kPostgres, kAny };
  explicit TcpProxy(int server_port, Messages messages = Messages::kPostgres);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  [[nodiscard]] int port() const { return port_; }

  enum class Direction : uint8_t { kToServer, kToClient };
  // After so many more messages in this direction, all connections together, both ends of the
  // connection that carried the last of them are closed; the messages counted do arrive. 0: the next
  // one is not passed on.
  void CutAfter(Direction direction, int64_t messages);
  // The next message to a client that holds `text` is not passed on; its connection is closed, or all are.
  enum class Reach : uint8_t { kConnection, kAll };
  void CutBeforeAnswer(std::string text, Reach reach = Reach::kConnection);
  // The next message in this direction that holds `text` is lost on the way; the connection stays.
  void Lose(Direction direction, std::string text);
  // True if all that was to be lost is.
  [[nodiscard]] bool has_lost() const;
  // True if the cut has happened.
  [[nodiscard]] bool has_cut() const { return has_cut_; }
  // Closes every connection now.
  void CutAll();
  // Who serves the connections that come from now on.
  void SetServer(int port) { server_port_ = port; }
  // While set, connections are closed as they come.
  void Refuse(bool refuse) { refuse_ = refuse; }
  // While set, nothing is passed on, and nothing is closed.
  void Stall(bool stall) { stall_ = stall; }
  [[nodiscard]] int64_t accepted() const { return accepted_; }
  // Round trips so far: the server has said so often that it is ready for more.
  [[nodiscard]] int64_t round_trips() const;
  // The same of each connection, in the order in which they were accepted.
  [[nodiscard]] std::vector<int64_t> round_trips_by_connection() const;

 private:
  struct Stream;
  struct Link;
  void Serve();
  void Accept();
  bool Pass(Stream& stream, Direction direction);
  bool Holds(const Stream& stream, size_t size, std::string* text);

  int listener_ = -1;
  int wake_[2] = {-1, -1};
  const Messages messages_;
  std::atomic<int> server_port_;
  int port_ = 0;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> refuse_ = false;
  std::atomic<bool> stall_ = false;
  std::atomic<bool> cut_all_ = false;
  std::atomic<bool> has_cut_ = false;
  std::atomic<int64_t> accepted_ = 0;
  mutable std::mutex mutex_;
  std::vector<int64_t> round_trips_;  // by connection
  std::optional<int64_t> left_[2];    // messages until the cut, by direction
  std::string answer_;                // what CutBeforeAnswer waits for; empty: nothing
  Reach reach_ = Reach::kConnection;  // and what it closes
  std::string lost_[2];               // what Lose waits for, by direction
  std::list<std::unique_ptr<Link>> links_;
  std::thread thread_;
};

}  // namespace jammi::test
