#include "metrics/process_samples.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <string>
#include <thread>

namespace jammi {
namespace {

std::map<std::string, double> Read() {
  Samples samples;
  PutProcessSamples(samples);
  std::map<std::string, double> values;
  for (const auto& family : samples.families()) values[family.name] = family.series.at(0).value;
  return values;
}

// SRV-055
TEST(ProcessSamples, Srv055AreOfThisProcess) {
  const auto values = Read();
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_GE(values.at("process_resident_memory_bytes"), 1e6);
  EXPECT_GE(values.at("process_virtual_memory_bytes"), values.at("process_resident_memory_bytes"));
  EXPECT_NEAR(values.at("process_start_time_seconds"), now, 3600);
  EXPECT_GE(values.at("process_cpu_seconds_total"), 0);
  EXPECT_GE(values.at("process_max_fds"), values.at("process_open_fds"));
}

TEST(ProcessSamples, Srv055CountDescriptorsAndThreads) {
  const auto before = Read();
  const int descriptor = open("/dev/null", O_RDONLY);
  ASSERT_GE(descriptor, 0);
  EXPECT_EQ(Read().at("process_open_fds"), before.at("process_open_fds") + 1);
  close(descriptor);
  EXPECT_EQ(Read().at("process_open_fds"), before.at("process_open_fds"));

  std::jthread other([](const std::stop_token& stop) {
    while (!stop.stop_requested()) std::this_thread::yield();
  });
  // A sanitizer starts one of its own together with the first of ours.
  EXPECT_GE(Read().at("process_threads"), before.at("process_threads") + 1);
}

}  // namespace
}  // namespace jammi
