// Models (SRV-100...102)
#include <fmt/format.h>
#include <google/protobuf/empty.pb.h>

#include "jammi/v1/catalog.pb.h"
#include "server/all_pages.h"
#include "server/catalog_service.h"
#include "server/wire_enums.h"

namespace jammi {
namespace {

namespace wire = ::jammi::v1::catalog;
using google::protobuf::Empty;

Error Required() { return Error(ErrorCode::kInvalidArgument, "model_id is required"); }

wire::Model ModelToWire(const ModelDescriptor& model) {
  wire::Model message;
  message.set_model_id(model.model_id);
  message.set_backend(model.backend);
  message.set_task(jammi::ToWire(model.task));
  message.set_status(std::string(ToString(model.status)));
  return message;
}

Result<wire::ListModelsResponse> ListModels(const CatalogCall& call, const wire::ListModelsRequest&) {
  const auto models = call.session.models().WithDeadline(call.deadline);
  wire::ListModelsResponse reply;
  JAMMI_TRY(AddAllPages(
      *reply.mutable_models(), call,
      [&](int size, std::string_view token) { return models.ListDescriptors(size, token); }, ModelToWire));
  return reply;
}

Result<wire::Model> DescribeModel(const CatalogCall& call, const wire::DescribeModelRequest& request) {
  const std::string& id = request.model_id();
  if (id.empty()) return Required();
  const auto model = call.session.models().WithDeadline(call.deadline).Get(id);
  if (!model && model.error().code() == ErrorCode::kNotFound)
    return Error(ErrorCode::kNotFound, fmt::format("model '{}' not found", id));
  if (!model) return model.error();
  return ModelToWire(ModelDescriptor{
      .model_id = model->model_id, .backend = model->backend, .task = model->task, .status = model->status});
}

Result<Empty> DeleteModel(const CatalogCall& call, const wire::DeleteModelRequest& request) {
  if (request.model_id().empty()) return Required();
  const auto version = request.has_version() ? std::optional(request.version()) : std::nullopt;
  const auto missing = request.if_exists() ? Models::OnMissing::kIgnore : Models::OnMissing::kFail;
  JAMMI_TRY(call.session.models().WithDeadline(call.deadline).Delete(request.model_id(), version, missing));
  return Empty();
}

}  // namespace

void AddModelMethods(RpcService& service, const ServerContext& context) {
  AddCatalogMethod(service, context, "ListModels", {.access = RpcAccess::kRead}, ListModels);
  AddCatalogMethod(service, context, "DescribeModel", {.access = RpcAccess::kRead}, DescribeModel);
  AddCatalogMethod(service, context, "DeleteModel", {.access = RpcAccess::kWrite}, DeleteModel);
}

}  // namespace jammi
