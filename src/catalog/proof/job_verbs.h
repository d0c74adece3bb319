// The verbs of the training jobs. A worker's writes are made as the scope whose job it is: they must reach
// no other. What a worker does before he knows whose job he gets is in WorkerVerbs().
#pragma once

#include "catalog/proof/model_verbs.h"
#include "catalog/proof/world.h"
#include "jammi/jobs.h"

namespace jammi::proof {

constexpr int32_t kMaxAttempts = 2;

inline void Show(Writer& out, const TrainingJobRecord& job) {
  out.Masked(job.job_id).Owner(job.owner);
  out << ToString(job.kind) << job.base_model_id << job.base_model_version;
  out.Id(job.base_model_uid.value).Masked(job.output_model_id);
  if (job.output_model_uid) out.Id(job.output_model_uid->value);
  out << job.training_source << job.loss_type << job.hyperparams << job.training_spec << ToString(job.status)
      << job.metrics << job.priority << (job.claimable ? "claimable" : "held")
      << (job.cancel_requested ? "cancel" : "") << job.attempts << job.claimed_by << job.lease_epoch;
  out.Time(job.lease_expires_at).Time(job.created_at).Time(job.updated_at);
  out << job.error_message;
}
inline void Show(Writer& out, const TrainingJobCounts& counts) {
  out << counts.queued << counts.running << counts.completed << counts.failed << counts.cancelled;
}
inline void Show(Writer& out, const LeaseRenewal& renewal) {
  out << (renewal.cancel_requested ? "cancel" : "go on");
  out.Time(renewal.expires_at);
}
inline void Show(Writer& out, const ClaimedJob& claimed) { Show(out, claimed.job); }
inline void Show(Writer& out, const ReclaimedJobs& jobs) {
  out << jobs.queued << jobs.failed << jobs.cancelled;
}
inline void Show(Writer& out, const WaitingJobs& waiting) {
  out << (waiting.claimable ? "claimable" : "nothing");
  if (waiting.next_expiry) out << (waiting.next_expiry->count() > 0 ? "held" : "expired");
}

inline CreateTrainingJobParams DrawJob(Draw& draw) {
  CreateTrainingJobParams params{
      .job_id = draw.Percent(3) ? "" : draw.GoodName(),
      .kind = draw.One({TrainingJobKind::kFineTune, TrainingJobKind::kContextPredictor}),
      .base_model_id = draw.Name(),
      .base_model_version = DrawOptionalVersion(draw),
      .training_source = "source",
      .loss_type = draw.One<std::string>({"mse", "cosine"}),
      .training_spec = draw.Maybe<std::string>({"{}"}),
      .priority = draw.One({0, 0, 1, -1}),
      .claimable = draw.Percent(80)};
  if (draw.Percent(70)) {
    params.output_model_id = draw.GoodName();
    params.output_model_version = draw.Maybe({1, 2}, 30);
  } else if (params.kind == TrainingJobKind::kContextPredictor) {
    draw.Bad(0);
  }
  return params;
}

inline std::optional<std::string> DrawMetrics(Draw& draw) {
  if (draw.Percent(2)) return draw.Bad(std::string("[]"));
  return draw.Maybe<std::string>({"{}", R"({"loss":1})", R"({"error_message":"e"})"});
}

// What the last worker on a job of the caller's shows; if there was none, what nobody was given.
template <class W>
JobClaim DrawClaim(W& world, const Scope& caller, Draw& draw) {
  const auto claim = world.claims().find({caller, draw.GoodName()});
  if (claim == world.claims().end()) return {4'000'000, {"nobody", 1}};
  draw.Mask(fmt::format("number {}", claim->second.sequence), "that job");
  return claim->second;
}

// Those of users.
template <class W>
std::vector<Verb<W>> JobVerbs() {
  using enum Does;
  return {
      {"TrainingJobs::Create", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         auto created = w.jobs(s).Create(DrawJob(d));
         if (created && created->job_id.size() == 36) w.Learn("job", s, created->job_id);
         return w.Answered(s, d, created);
       }},
      {"TrainingJobs::Get", kRead,
       [](W& w, const Scope& s, Draw& d) { return w.Answered(s, d, w.jobs(s).Get(d.Name())); }},
      {"TrainingJobs::List", kRead,
       [](W& w, const Scope& s, Draw& d) {
         using enum TrainingJobStatus;
         const TrainingJobFilter filter{.status =
                                            d.Maybe({kQueued, kRunning, kCompleted, kFailed, kCancelled})};
         const auto list =
             fmt::format("TrainingJobs::List {}", filter.status ? ToString(*filter.status) : "");
         return AnsweredPage(w, s, d, list, [&](int size, const std::string& token) {
           return w.jobs(s).List(filter, size, token);
         });
       }},
      {"TrainingJobs::CountByStatus", kRead,
       [](W& w, const Scope& s, Draw& d) { return w.Answered(s, d, w.jobs(s).CountByStatus()); }},
      {"TrainingJobs::Cancel", kWrite,
       [](W& w, const Scope& s, Draw& d) { return w.Answered(s, d, w.jobs(s).Cancel(d.Name())); }},
      {"TrainingJobs::SetPriority", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto job_id = d.Name();
         return w.Answered(s, d, w.jobs(s).SetPriority(job_id, d.One({-5, 0, 7})));
       }},
      {"TrainingJobs::Hold", kWrite,
       [](W& w, const Scope& s, Draw& d) { return w.Answered(s, d, w.jobs(s).Hold(d.Name())); }},
      {"TrainingJobs::Unhold", kWrite,
       [](W& w, const Scope& s, Draw& d) { return w.Answered(s, d, w.jobs(s).Unhold(d.Name())); }},
      {"TrainingJobs::Delete", kWrite,
       [](W& w, const Scope& s, Draw& d) { return w.Answered(s, d, w.jobs(s).Delete(d.Name())); }},
      {"TrainingJobs::DeleteFinishedBefore", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto time = w.UnitsAgo(d.One<int64_t>({1, 2, 5}));
         const int limit = d.Percent(2) ? d.Bad(0) : 1000;  // which of one moment go first is not said
         return w.Answered(s, d, w.jobs(s).DeleteFinishedBefore(time, limit));
       }},
  };
}

// Those of a worker with a claim.
template <class W>
std::vector<Verb<W>> ClaimVerbs() {
  using enum Does;
  return {
      {"JobQueue::Heartbeat", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         return w.Answered(s, d, w.queue().Heartbeat(DrawClaim(w, s, d), kLease));
       }},
      {"JobQueue::UpdateMetrics", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto claim = DrawClaim(w, s, d);
         return w.Answered(s, d, w.queue().UpdateMetrics(claim, DrawMetrics(d).value_or("{}")));
       }},
      {"JobQueue::Finalize", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto claim = DrawClaim(w, s, d);
         const TrainedModel model{.artifact_path = d.One<std::string>({"s3://7", "s3://8"}),
                                  .task = d.Maybe({ModelTask::kNer})};
         return w.Answered(s, d, w.queue().Finalize(claim, model, DrawMetrics(d)));
       }},
      {"JobQueue::Fail", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto claim = DrawClaim(w, s, d);
         return w.Answered(s, d, w.queue().Fail(claim, DrawMetrics(d)));
       }},
      {"JobQueue::GiveBack", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto claim = DrawClaim(w, s, d);
         return w.Answered(s, d, w.queue().GiveBack(claim, DrawMetrics(d)));
       }},
  };
}

// Those of a worker without one, who serves all scopes; the caller is of no consequence.
template <class W>
std::vector<Verb<W>> WorkerVerbs() {
  using enum Does;
  return {
      {"JobQueue::Waiting", kRead,
       [](W& w, const Scope& s, Draw& d) { return w.Answered(s, d, w.queue().Waiting()); }},
      {"JobQueue::Claim", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto claimed = w.queue().Claim(d.One<std::string>({"worker 1", "worker 2"}), kLease);
         if (claimed && *claimed)
           w.claims()[{(*claimed)->job.owner, (*claimed)->job.job_id}] = (*claimed)->claim;
         return w.Answered(s, d, claimed);
       }},
      {"JobQueue::ReclaimExpired", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         return w.Answered(s, d, w.queue().ReclaimExpired(kMaxAttempts, 1000));
       }},
  };
}

// A worker's round: all that has expired is freed, all that waits is claimed. So what becomes of a scope's
// jobs does not depend on whose else there are.
template <class W>
void WorkOnAll(W& world) {
  test::Ok(world.queue().ReclaimExpired(kMaxAttempts, 1000));
  while (const auto claimed = test::Ok(world.queue().Claim("worker 1", kLease))) {
    world.claims()[{claimed->job.owner, claimed->job.job_id}] = claimed->claim;
  }
}

}  // namespace jammi::proof
