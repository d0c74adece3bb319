// Topics with limits, and a trimmer, on the database under test.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "catalog/consumer_fixture.h"
#include "catalog/event_key.h"
#include "catalog/log_trim.h"
#include "jammi/catalog_admin.h"

namespace jammi::test {

inline const TopicRetention kUnlimited = {
    .max_age = std::chrono::microseconds(0), .max_bytes = 0, .max_events = 0, .keep_for_consumers = false};

class TrimFixture : public ConsumersTest {
 protected:
  TopicRepo Topics() { return TopicRepo(backend()); }
  StoredTopic Register(const Scope& owner, const std::string& name, const TopicRetention& retention = {}) {
    return Ok(Topics().Register(owner, name, "schema", {}, retention));
  }
  static EventAppend MakeEvent(int64_t topic_no, size_t bytes, const Scope& scope = kGlobal) {
    EventAppend event{.topic_no = topic_no,
                      .scope = scope,
                      .row_count = 1,
                      .payload = arrow::Buffer::FromString(std::string(bytes, 'x'))};
    event.checksum = Checksum({event.payload->data(), static_cast<size_t>(event.payload->size())});
    return event;
  }
  uint64_t Append(int64_t topic_no, size_t bytes = 10, const Scope& scope = kGlobal) {
    return Ok(catalog_->log().Append(MakeEvent(topic_no, bytes, scope), {})).offset;
  }
  void AppendMany(int64_t topic_no, int count, size_t bytes = 10) {
    for (int i = 0; i < count; ++i) Append(topic_no, bytes);
  }
  TopicStats StatsOf(const StoredTopic& topic) {
    return Ok(Topics().Stats(topic.owner, topic.id, kUnlimited));
  }
  int64_t Rows(int64_t topic_no) {
    return GetInt("SELECT COUNT(*) AS v FROM events WHERE event_key >= $1 AND event_key < $2",
                  {EventKey(topic_no, 0), EventKey(topic_no, kOffsetLimit - 1)});
  }

  // One who may begin: he has the lease.
  LogTrim MakeTrim(const TopicRetention& defaults = kUnlimited, const std::string& holder = "engine") {
    LogTrim trim(backend(), defaults, holder);
    EXPECT_TRUE(Ok(trim.Claim({})));
    return trim;
  }
  // All that is beyond a limit; the number of steps.
  static int TrimAll(LogTrim& trim) {
    int steps = 0;
    for (const int64_t topic_no : Ok(trim.FindDue(0))) {
      for (bool more = true; more; ++steps) more = Ok(trim.Trim(topic_no, {})).more;
    }
    return steps;
  }
  static int PurgeAll(LogTrim& trim) {
    int steps = 0;
    while (Ok(trim.Purge({})).more) ++steps;
    return steps;
  }
  // What the catalog's own audit finds.
  std::vector<std::string> Findings() {
    std::vector<std::string> findings;
    Ok(CheckCatalog(harness_->location(), [&](const CheckFinding& finding) {
      findings.push_back(fmt::format("{}: {}", finding.where, finding.what));
    }));
    return findings;
  }
};

}  // namespace jammi::test
