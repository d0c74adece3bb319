#include "arrow/Flight.pb.h"
#include "jammi/v1/embedding.pb.h"
#include "jammi/v1/eval.pb.h"
#include "jammi/v1/inference.pb.h"
#include "jammi/v1/job.pb.h"
#include "jammi/v1/pipeline.pb.h"
#include "jammi/v1/training.pb.h"
#include "server/services.h"

namespace jammi {
namespace {

// A mention of one message keeps its file's descriptors in the program.
template <class Message>
std::unique_ptr<RpcService> Unserved(std::string_view service, std::string_view why) {
  (void)Message::descriptor();
  return std::make_unique<RpcService>(service, why);
}

}  // namespace

std::vector<std::unique_ptr<RpcService>> NewUnservedServices() {
  constexpr std::string_view kNoModels = "it has no model runtime";
  constexpr std::string_view kNoTraining = "tier 'train' is not mounted; it cannot train models";
  std::vector<std::unique_ptr<RpcService>> services;
  services.push_back(Unserved<v1::embedding::SearchRequest>("jammi.v1.embedding.EmbeddingService",
                                                            "this version has no vector store yet"));
  services.push_back(Unserved<v1::inference::InferRequest>("jammi.v1.inference.InferenceService", kNoModels));
  services.push_back(Unserved<v1::pipeline::RecomputeRequest>("jammi.v1.pipeline.PipelineService",
                                                              "this version has no pipelines yet"));
  services.push_back(Unserved<v1::eval::EvalPerQueryRequest>("jammi.v1.eval.EvalService",
                                                             "this version has no evaluations yet"));
  services.push_back(
      Unserved<v1::training::StartTrainingRequest>("jammi.v1.training.TrainingService", kNoTraining));
  services.push_back(Unserved<v1::job::SubmitJobRequest>("jammi.v1.job.JobService", kNoTraining));
  services.push_back(Unserved<arrow::flight::protocol::Ticket>("arrow.flight.protocol.FlightService",
                                                               "this version has no SQL over Flight yet"));
  return services;
}

}  // namespace jammi
