// A server that answers each method as a test says.
#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/proto_buffer_writer.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace jammi::test {

// Takes every message as `Message`.
template <class Message>
class FakeServer final : public grpc::CallbackGenericService {
 public:
  // What happens after a message, or after the end of the client's messages (nullptr).
  struct Answer {
    std::deque<Message> messages;
    bool end = false;  // then `status`
    grpc::Status status = {};
    bool endless = false;  // the last message again and again
  };
  using Handler = std::function<Answer(const Message*)>;

  explicit FakeServer(std::map<std::string, Handler> handlers) : handlers_(std::move(handlers)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterCallbackGenericService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeServer() override {
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }

  [[nodiscard]] std::string target() const { return "grpc://127.0.0.1:" + std::to_string(port_); }
  // Of the last call that began; empty: it was not there.
  [[nodiscard]] std::string Header(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = headers_.find(name);
    return found == headers_.end() ? "" : found->second;
  }
  // Calls that ended because the client wished so.
  [[nodiscard]] int cancelled() const {
    const std::lock_guard lock(mutex_);
    return cancelled_;
  }

 private:
  class Call final : public grpc::ServerGenericBidiReactor {
   public:
    Call(FakeServer& server, Handler handler) : server_(server), handler_(std::move(handler)) {
      StartSendInitialMetadata();
      StartRead(&in_);
    }
    void OnReadDone(bool ok) override {
      Message message;
      if (ok) grpc::GenericDeserialize<grpc::ProtoBufferReader, Message>(&in_, &message);
      Take(handler_(ok ? &message : nullptr));
      if (ok) StartRead(&in_);
    }
    void OnWriteDone(bool ok) override {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      if (ok) GoOn();
    }
    void OnCancel() override {
      {
        const std::lock_guard lock(server_.mutex_);
        ++server_.cancelled_;
      }
      const std::lock_guard lock(mutex_);
      End(grpc::Status::CANCELLED);
    }
    void OnDone() override { delete this; }

   private:
    void Take(Answer answer) {
      const std::lock_guard lock(mutex_);
      for (auto& message : answer.messages) answer_.messages.push_back(std::move(message));
      answer_.endless |= answer.endless;
      answer_.end |= answer.end;
      if (answer.end) answer_.status = answer.status;
      GoOn();
    }
    void GoOn() {
      if (writing_ || ended_) return;
      if (answer_.messages.empty()) {
        if (answer_.end) End(answer_.status);
        return;
      }
      bool own = false;
      grpc::GenericSerialize<grpc::ProtoBufferWriter, Message>(answer_.messages.front(), &out_, &own);
      if (!answer_.endless) answer_.messages.pop_front();
      writing_ = true;
      StartWrite(&out_);
    }
    void End(const grpc::Status& status) {
      if (std::exchange(ended_, true)) return;
      Finish(status);
    }

    FakeServer& server_;
    const Handler handler_;
    std::mutex mutex_;
    Answer answer_;
    bool writing_ = false;
    bool ended_ = false;
    grpc::ByteBuffer in_;
    grpc::ByteBuffer out_;
  };

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override {
    const std::lock_guard lock(mutex_);
    headers_.clear();
    for (const auto& [name, value] : context->client_metadata())
      headers_[{name.data(), name.size()}] = {value.data(), value.size()};
    const auto handler = handlers_.find(context->method());
    return new Call(
        *this, handler != handlers_.end() ? handler->second : [](const Message*) {
          return Answer{.end = true, .status = {grpc::StatusCode::UNIMPLEMENTED, "no such method"}};
        });
  }

  const std::map<std::string, Handler> handlers_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> headers_;
  int cancelled_ = 0;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace jammi::test
