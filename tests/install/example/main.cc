#include <arrow/api.h>
#include <jammi/jammi.h>

#include <chrono>
#include <cstdio>

jammi::Result<void> Run() {
  jammi::Config config;
  config.artifact_dir = "quakes";  // the catalog's file is made in it
  JAMMI_ASSIGN(const auto engine, jammi::Engine::Open(config));
  const auto session = engine->Global();  // or ForTenant(tenant)

  const auto schema = arrow::schema({arrow::field("mag", arrow::float64())});
  JAMMI_ASSIGN(const auto topic, session.topics().Register("quakes", schema));
  JAMMI_ASSIGN(const auto strong,
               session.Subscribe("quakes", jammi::From::Offset(0), {.predicate = "mag >= 5"}));

  for (const double mag : {2.1, 6.4, 1.3}) {
    const auto column = *arrow::MakeArrayFromScalar(arrow::DoubleScalar(mag), 1);
    const auto batch = arrow::RecordBatch::Make(schema, 1, {column});
    JAMMI_TRY(session.Publish(topic.id, batch));  // on disk when it returns
  }
  JAMMI_ASSIGN(const auto event, strong->Next(jammi::Deadline::After(std::chrono::seconds(10))));
  std::printf("offset %lu:\n%s\n", event->offset, event->batch->ToString().c_str());
  return {};
}

int main() {
  const auto result = Run();
  if (!result) std::fprintf(stderr, "%s\n", result.error().ToString().c_str());
  return result ? 0 : 1;
}
