// Something in every repository of the catalog, written through one session and read through another.
#pragma once

#include <gtest/gtest.h>

#include <chrono>

#include "jammi/engine.h"

namespace jammi {

// `reader` is another session of the same scope, of this engine or another on the same catalog; `outsider`
// one of another tenant.
inline void UseEveryRepository(const Session& writer, JobQueue queue, const Session& reader,
                               const Session& outsider) {
  const auto lease = std::chrono::minutes(1);

  const auto model = writer.models().Register({.model_id = "base", .model_type = "embedding"});
  ASSERT_TRUE(model) << model.error().ToString();
  EXPECT_TRUE(reader.models().Get("base"));
  EXPECT_FALSE(outsider.models().Get("base"));

  const SourceConnection connection{.url = Secret("file:///data/docs.parquet"),
                                    .format = FileFormat::kParquet};
  const auto source = writer.sources().Register("docs", SourceType::kFile, connection);
  ASSERT_TRUE(source) << source.error().ToString();
  EXPECT_TRUE(reader.sources().Get("docs"));
  EXPECT_FALSE(outsider.sources().Get("docs"));

  ASSERT_TRUE(writer.channels().Register(ConformalChannel()));
  EXPECT_EQ(reader.channels().List()->items.size(), 4U) << "three are built in";
  EXPECT_EQ(outsider.channels().List()->items.size(), 3U);

  const auto run = writer.evaluations().Record(
      {.run_id = "run", .model = model->uid, .source_id = "docs", .metrics = R"({"mrr":0.5})"},
      std::vector<EvalQueryResult>{{.query_id = "q1", .metrics = "{}"}});
  ASSERT_TRUE(run) << run.error().ToString();
  EXPECT_EQ(reader.evaluations().PerQuery("run")->items.size(), 1U);
  EXPECT_FALSE(outsider.evaluations().Get("run"));

  const auto build = writer.result_tables().Create({.table_name = "vectors",
                                                    .source_id = "docs",
                                                    .model_uid = model->uid,
                                                    .parquet_path = "file:///data/vectors.parquet"},
                                                   "builder", lease);
  ASSERT_TRUE(build) << build.error().ToString();
  ASSERT_TRUE(writer.index_segments().Append(
      "vectors", {.bundle_path = "file:///data/vectors.idx", .row_count = 3}, build->lease));
  ASSERT_TRUE(
      writer.result_tables().Promote("vectors", build->lease, {.row_count = 3, .definition_hash = "d"}));
  EXPECT_EQ(reader.index_segments().List("vectors")->items.size(), 1U);
  EXPECT_FALSE(outsider.result_tables().Get("vectors"));

  const auto job = writer.training_jobs().Create(
      {.job_id = "job", .base_model_id = "base", .training_source = "docs", .loss_type = "mse"});
  ASSERT_TRUE(job) << job.error().ToString();
  EXPECT_FALSE(outsider.training_jobs().Get("job"));
  const auto claimed = queue.Claim("worker", lease);
  ASSERT_TRUE(claimed) << claimed.error().ToString();
  ASSERT_TRUE(claimed->has_value());
  EXPECT_EQ((*claimed)->job.owner, writer.scope());
  const auto trained = queue.Finalize((*claimed)->claim, {.artifact_path = "file:///models/job"});
  ASSERT_TRUE(trained) << trained.error().ToString();
  EXPECT_EQ(reader.training_jobs().Get("job")->status, TrainingJobStatus::kCompleted);
  EXPECT_EQ(reader.models().Get(trained->model_id)->artifact_path, "file:///models/job");
}

}  // namespace jammi
