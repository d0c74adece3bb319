// docs/monitoring.md names every metric, with its type, and no other.
#include <gmock/gmock.h>

#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>

#include "metrics/engine_samples.h"
#include "metrics/load_samples.h"
#include "metrics/server_metrics.h"

namespace jammi {
namespace {

using Types = std::map<std::string, std::string>;

Types Find(const std::string& text, const std::regex& pattern) {
  Types types;
  for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match) {
    EXPECT_TRUE(types.emplace((*match)[1], (*match)[2]).second) << (*match)[1] << " is there twice";
  }
  return types;
}

Types OfThePage() {
  std::ifstream file(JAMMI_DOCS "/monitoring.md");
  std::stringstream text;
  text << file.rdbuf();
  return Find(text.str(), std::regex(R"(\| `(\w+)` \| (counter|gauge|histogram) \|)"));
}

std::string TheServersPage() {
  ServerMetrics metrics("1");
  const auto method = metrics.AddMethod("jammi.v1.catalog.CatalogService", "ListTopics");
  metrics.RpcBegan(method);
  metrics.OnScrape([](Samples& samples) {
    PutLoadSamples({}, samples);
    PutBackendSamples({}, samples);
    PutRetentionSamples({}, samples);
    PutBrokerSamples({}, samples);
    PutFeedSamples({}, samples);
    PutForwardingSamples({}, samples);
  });
  return metrics.Text();
}

Types OfTheServer() { return Find(TheServersPage(), std::regex(R"(# TYPE (\w+) (\w+)\n)")); }

TEST(MonitoringPage, NamesEveryMetric) { EXPECT_EQ(OfThePage(), OfTheServer()); }

TEST(MonitoringPage, EveryMetricHasHelp) {
  const auto helped = Find(TheServersPage(), std::regex(R"(# HELP (\w+) \S.*\n# TYPE \w+ (\w+)\n)"));
  EXPECT_EQ(helped, OfTheServer());
}

}  // namespace
}  // namespace jammi
