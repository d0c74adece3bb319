// Fills the catalog of a server that is not running with what no call of the wire makes: models. The server's
// variables say which catalog.
//
//   client_seed
#include <cstdio>

#include "jammi/config.h"
#include "jammi/engine.h"

namespace {

using jammi::Result;

const char* const kTenant = "018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e9a";

Result<void> Seed() {
  JAMMI_ASSIGN(const auto loaded, jammi::LoadConfig());
  JAMMI_ASSIGN(const auto engine, jammi::Engine::Open(loaded.config));
  const auto everybody = engine->Global();
  const jammi::RegisterModelParams ranker{.model_id = "org/ranker",
                                          .model_type = "embedding",
                                          .backend = "candle",
                                          .task = jammi::ModelTask::kTextEmbedding};
  // Two versions, of which the first is in use.
  JAMMI_ASSIGN(const auto first, everybody.models().RegisterNext(ranker));
  JAMMI_TRY(everybody.models().RegisterNext(ranker));
  JAMMI_TRY(everybody.models().UpdateStatus("org/ranker", 2, jammi::ModelStatus::kLoaded));
  JAMMI_TRY(everybody.evaluations().Record(
      {.run_id = "run", .model = first.uid, .source_id = "papers", .k = 10, .metrics = "{}"}));
  JAMMI_ASSIGN(const auto tenant, jammi::TenantId::Parse(kTenant));
  JAMMI_TRY(engine->ForTenant(tenant).models().RegisterNext({.model_id = "local:/models/ner",
                                                             .model_type = "ner",
                                                             .backend = "ort",
                                                             .task = jammi::ModelTask::kNer}));
  return {};
}

}  // namespace

int main() {
  const auto seeded = Seed();
  if (!seeded) std::fprintf(stderr, "%s\n", seeded.error().ToString().c_str());
  return seeded ? 0 : 1;
}
