#include "rpc/health.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

#include "grpc/health/v1/health.pb.h"
#include "rpc/dispatcher.h"
#include "rpc/ready_call.h"

namespace jammi {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using Status = HealthCheckResponse::ServingStatus;

constexpr std::string_view kHealth = "grpc.health.v1.Health";
constexpr size_t kMaxNameSaid = 256;

HealthCheckResponse Say(Status status) {
  HealthCheckResponse response;
  response.set_status(status);
  return response;
}

}  // namespace

// What is shared with the watches, which end with their calls.
struct HealthService::Watches {
  std::atomic<bool> draining = false;
  std::mutex mutex;
  std::unordered_set<std::shared_ptr<ReadyCall>> open;
};

class HealthService::Watch final : public RpcStream {
 public:
  Watch(std::shared_ptr<Watches> watches, bool known) : watches_(std::move(watches)), known_(known) {
    const std::lock_guard lock(watches_->mutex);
    watches_->open.insert(ready_);
  }
  ~Watch() override { Watch::Close(); }

  Result<Polled> TryNext() override {
    const bool draining = watches_->draining;
    const Status status = !known_    ? HealthCheckResponse::SERVICE_UNKNOWN
                          : draining ? HealthCheckResponse::NOT_SERVING
                                     : HealthCheckResponse::SERVING;
    if (said_ != status) {
      said_ = status;
      return Polled(Encode(Say(status)));
    }
    if (draining) return Error(ErrorCode::kUnavailable, std::string(kShuttingDown));
    return Polled(NotReady());
  }
  void OnReady(std::move_only_function<void()> ready) override {
    ready_->Set(std::move(ready));
    if (watches_->draining) ready_->Run();
  }
  void Close() override {
    {
      const std::lock_guard lock(watches_->mutex);
      watches_->open.erase(ready_);
    }
    ready_->Close();
  }

 private:
  const std::shared_ptr<Watches> watches_;
  const bool known_;
  const std::shared_ptr<ReadyCall> ready_ = std::make_shared<ReadyCall>();
  std::optional<Status> said_;
};

HealthService::HealthService(const std::vector<const RpcService*>& services)
    : RpcService((HealthCheckRequest::descriptor(), kHealth)), watches_(std::make_shared<Watches>()) {
  names_.insert("");
  for (const auto* service : services) {
    if (std::ranges::any_of(service->methods(), &RpcMethod::served)) names_.insert(service->full_name());
  }
  constexpr MethodOptions kOpen{
      .access = RpcAccess::kOpen, .quick = true, .scoped = false, .ends_itself = true};
  Unary<HealthCheckRequest, HealthCheckResponse>(
      "Check", kOpen,
      [this](const RpcCall&, const HealthCheckRequest& request) -> Result<HealthCheckResponse> {
        if (!names_.contains(request.service())) {
          return Error(ErrorCode::kNotFound,
                       fmt::format("there is no service {}", request.service().substr(0, kMaxNameSaid)));
        }
        return Say(watches_->draining ? HealthCheckResponse::NOT_SERVING : HealthCheckResponse::SERVING);
      });
  ServerStream<HealthCheckRequest, HealthCheckResponse>(
      "Watch", kOpen,
      [this](const RpcCall&, const HealthCheckRequest& request) -> Result<std::unique_ptr<RpcStream>> {
        return std::make_unique<Watch>(watches_, names_.contains(request.service()));
      });
}

HealthService::~HealthService() = default;

void HealthService::Drain() {
  std::vector<std::shared_ptr<ReadyCall>> open;
  {
    const std::lock_guard lock(watches_->mutex);
    watches_->draining = true;
    open.assign(watches_->open.begin(), watches_->open.end());
  }
  for (const auto& each : open) each->Run();
}

}  // namespace jammi
