// Publishing to a topic by its name, for who must not wait.
#pragma once

#include <arrow/type_fwd.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "jammi/engine.h"
#include "metrics/server_metrics.h"
#include "rpc/executor.h"
#include "server/own_topics.h"
#include "server/server_context.h"

namespace jammi {

// Thread-safe.
class NamedPublisher {
 public:
  // All of it outlives this. `executor` is for what waits.
  NamedPublisher(const ServerContext& context, RpcExecutor& executor, ServerMetrics& metrics)
      : context_(context), executor_(executor), metrics_(metrics) {}

  struct Request {
    Scope scope = Scope::Global();
    std::string topic;
    std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
    PublishOptions options;
    Deadline deadline;
  };
  using Done = std::move_only_function<void(Result<PublishOutcome>)>;

  // Never waits, nor asks the catalog on this thread. `done` is called once, by this call or later from
  // another thread. Errors: those of Session::PublishMany; kNotFound names the topic as it was asked for;
  // kResourceExhausted: too many calls wait for the catalog.
  void Publish(Request request, Done done);

 private:
  struct Work {
    Request request;
    Done done;
  };
  using SharedWork = std::shared_ptr<Work>;

  // In the pool: it may have to wait for the catalog.
  void LookUp(SharedWork work);
  // By what is remembered: the topic may be gone by now, and another may have its name. False: the catalog
  // has to be asked something before.
  [[nodiscard]] bool TrySend(const SharedWork& work, const TopicId& topic);
  // In the pool.
  void Send(const SharedWork& work, const TopicId& topic);
  void Finish(Work& work, Result<PublishOutcome> outcome);

  const ServerContext& context_;
  RpcExecutor& executor_;
  ServerMetrics& metrics_;
  OwnTopics own_topics_;
};

}  // namespace jammi
