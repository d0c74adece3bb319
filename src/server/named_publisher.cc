#include "server/named_publisher.h"

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <algorithm>
#include <utility>

#include "server/topic_errors.h"

namespace jammi {

void NamedPublisher::Publish(Request request, Done done) {
  auto work = std::make_shared<Work>(std::move(request), std::move(done));
  const auto known = own_topics_.Find(work->request.scope, work->request.topic);
  // Batches of another schema may be of a later version of it, which only the catalog knows.
  const auto fits = [&](const std::shared_ptr<arrow::RecordBatch>& batch) {
    return known->schema->Equals(*batch->schema(), /*check_metadata=*/false);
  };
  if (known && std::ranges::all_of(work->request.batches, fits)) {
    if (TrySend(work, known->id)) return;
  }
  LookUp(std::move(work));
}

void NamedPublisher::LookUp(SharedWork work) {
  const uint64_t lane = LaneOf(work->request.scope);
  const bool submitted = executor_.Submit(lane, [this, work] {
    const auto& request = work->request;
    if (request.deadline.Passed()) {
      return Finish(*work, Error(ErrorCode::kDeadlineExceeded, "the deadline passed before it began"));
    }
    const auto topic = context_.SessionOf(request.scope).topics().Find(request.topic);
    if (!topic) return Finish(*work, topic.error());
    own_topics_.Remember(request.scope, *topic);
    Send(work, topic->id);
  });
  if (!submitted) {
    Finish(*work, Error(ErrorCode::kResourceExhausted, "too many calls are waiting; try again later"));
  }
}

bool NamedPublisher::TrySend(const SharedWork& work, const TopicId& topic) {
  const auto& request = work->request;
  return context_.SessionOf(request.scope)
      .TryPublishManyAsync(
          topic, request.batches, request.options,
          [this, work, topic](Result<PublishOutcome> outcome) {
            if (outcome || outcome.error().code() != ErrorCode::kNotFound) {
              return Finish(*work, std::move(outcome));
            }
            own_topics_.Forget(work->request.scope, work->request.topic, topic);
            LookUp(work);
          },
          request.deadline);
}

void NamedPublisher::Send(const SharedWork& work, const TopicId& topic) {
  const auto& request = work->request;
  context_.SessionOf(request.scope)
      .PublishManyAsync(
          topic, request.batches, request.options,
          [this, work](Result<PublishOutcome> outcome) { Finish(*work, std::move(outcome)); },
          request.deadline);
}

void NamedPublisher::Finish(Work& work, Result<PublishOutcome> outcome) {
  if (!outcome) return work.done(NamingTopic(std::move(outcome).error(), work.request.topic));
  if (!outcome->duplicate) {
    uint64_t rows = 0;
    for (const auto& batch : work.request.batches) rows += static_cast<uint64_t>(batch->num_rows());
    metrics_.Published(work.request.batches.size(), rows);
  }
  work.done(std::move(outcome));
}

}  // namespace jammi
