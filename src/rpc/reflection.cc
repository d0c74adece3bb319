#include "rpc/reflection.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <unordered_set>
#include <utility>

#include "grpc/reflection/v1alpha/reflection.pb.h"
#include "rpc/ready_call.h"

namespace jammi {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;
using ReflectionRequest = grpc::reflection::v1alpha::ServerReflectionRequest;
using ReflectionResponse = grpc::reflection::v1alpha::ServerReflectionResponse;

constexpr std::string_view kReflection = "grpc.reflection.v1alpha.ServerReflection";
// Of one stream: who asks more without reading the answers is not served.
constexpr size_t kMaxWaiting = 100;
constexpr size_t kMaxRequestBytes = 4096;

const DescriptorPool& Pool() { return *DescriptorPool::generated_pool(); }

void SetNotFound(ReflectionResponse& response, std::string_view what) {
  auto& error = *response.mutable_error_response();
  error.set_error_code(static_cast<int32_t>(RpcCode::kNotFound));
  error.set_error_message(std::string(what) + " is not there");
}

const FileDescriptor* FileOfExtension(const std::string& type, int number) {
  const auto* extended = Pool().FindMessageTypeByName(type);
  const auto* extension = extended == nullptr ? nullptr : Pool().FindExtensionByNumber(extended, number);
  return extension == nullptr ? nullptr : extension->file();
}

void SetExtensions(ReflectionResponse& response, const std::string& type) {
  const auto* extended = Pool().FindMessageTypeByName(type);
  if (extended == nullptr) return SetNotFound(response, "the type");
  std::vector<const google::protobuf::FieldDescriptor*> extensions;
  Pool().FindAllExtensions(extended, &extensions);
  auto& numbers = *response.mutable_all_extension_numbers_response();
  numbers.set_base_type_name(type);
  for (const auto* extension : extensions) numbers.add_extension_number(extension->number());
}

}  // namespace

class ReflectionService::Dialog final : public RpcDialog {
 public:
  explicit Dialog(std::shared_ptr<const std::vector<std::string>> names) : names_(std::move(names)) {}
  ~Dialog() override { Dialog::Close(); }

  Result<void> Take(const google::protobuf::MessageLite& message) override {
    if (message.ByteSizeLong() > kMaxRequestBytes) {
      return Error(ErrorCode::kInvalidArgument, "no name is as long as that");
    }
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.size() >= kMaxWaiting) {
        return Error(ErrorCode::kResourceExhausted, "too many requests are waiting; read the answers");
      }
      waiting_.push_back(static_cast<const ReflectionRequest&>(message));
    }
    ready_.Run();
    return {};
  }
  Result<void> TakeEnd() override {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    ready_.Run();
    return {};
  }

  Result<Polled> TryNext() override {
    ReflectionRequest request;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) return over_ ? Polled(End()) : Polled(NotReady());
      request = std::move(waiting_.front());
      waiting_.pop_front();
    }
    return Polled(Encode(Answer(std::move(request))));
  }
  void OnReady(std::move_only_function<void()> ready) override {
    ready_.Set(std::move(ready));
    const bool now = [this] {
      const std::lock_guard lock(mutex_);
      return over_ || !waiting_.empty();
    }();
    if (now) ready_.Run();
  }
  void Close() override { ready_.Close(); }

 private:
  [[nodiscard]] ReflectionResponse Answer(ReflectionRequest request);
  void SetFile(ReflectionResponse& response, const FileDescriptor* file);
  void AddFile(ReflectionResponse& response, const FileDescriptor& file);

  const std::shared_ptr<const std::vector<std::string>> names_;
  std::unordered_set<const FileDescriptor*> sent_;  // the client has them
  ReadyCall ready_;
  std::mutex mutex_;
  std::deque<ReflectionRequest> waiting_;
  bool over_ = false;
};

ReflectionResponse ReflectionService::Dialog::Answer(ReflectionRequest request) {
  ReflectionResponse response;
  response.set_valid_host(request.host());
  switch (request.message_request_case()) {
    case ReflectionRequest::kFileByFilename:
      SetFile(response, Pool().FindFileByName(request.file_by_filename()));
      break;
    case ReflectionRequest::kFileContainingSymbol:
      SetFile(response, Pool().FindFileContainingSymbol(request.file_containing_symbol()));
      break;
    case ReflectionRequest::kFileContainingExtension: {
      const auto& extension = request.file_containing_extension();
      SetFile(response, FileOfExtension(extension.containing_type(), extension.extension_number()));
      break;
    }
    case ReflectionRequest::kAllExtensionNumbersOfType:
      SetExtensions(response, request.all_extension_numbers_of_type());
      break;
    case ReflectionRequest::kListServices:
      for (const auto& name : *names_)
        response.mutable_list_services_response()->add_service()->set_name(name);
      break;
    case ReflectionRequest::MESSAGE_REQUEST_NOT_SET:
      response.mutable_error_response()->set_error_code(static_cast<int32_t>(RpcCode::kUnimplemented));
      break;
  }
  *response.mutable_original_request() = std::move(request);
  return response;
}

// What the client asks for comes again, if it asks again; what that needs comes once.
void ReflectionService::Dialog::SetFile(ReflectionResponse& response, const FileDescriptor* file) {
  if (file == nullptr) return SetNotFound(response, "the file");
  sent_.erase(file);
  AddFile(response, *file);
}

void ReflectionService::Dialog::AddFile(ReflectionResponse& response, const FileDescriptor& file) {
  if (!sent_.insert(&file).second) return;
  google::protobuf::FileDescriptorProto described;
  file.CopyTo(&described);
  response.mutable_file_descriptor_response()->add_file_descriptor_proto(described.SerializeAsString());
  for (int i = 0; i < file.dependency_count(); ++i) AddFile(response, *file.dependency(i));
}

ReflectionService::ReflectionService(const std::vector<const RpcService*>& services)
    : RpcService((ReflectionRequest::descriptor(), kReflection)) {
  std::vector<std::string> names = {full_name()};
  for (const auto* service : services) names.push_back(service->full_name());
  std::ranges::sort(names);
  names_ = std::make_shared<const std::vector<std::string>>(std::move(names));
  Converse<ReflectionRequest, ReflectionResponse>(
      "ServerReflectionInfo", {.access = RpcAccess::kOpen, .quick = true, .scoped = false},
      [this](const RpcCall&, const ReflectionRequest& first) -> Result<std::unique_ptr<RpcDialog>> {
        auto dialog = std::make_unique<Dialog>(names_);
        JAMMI_TRY(dialog->Take(first));
        return dialog;
      });
}

}  // namespace jammi
