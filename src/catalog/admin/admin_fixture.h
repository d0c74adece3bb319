// A catalog with something in it, for the tests of the tools.
#pragma once

#include <arrow/buffer.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/sync_point.h"
#include "catalog/repo_fixture.h"
#include "catalog/topic_repo.h"
#include "jammi/catalog_admin.h"
#include "jammi/session_bindings.h"
#include "support/temp_dir.h"

namespace jammi::test {

class AdminTest : public RepoTest {
 protected:
  ~AdminTest() override { ClearSyncPoints(); }

  [[nodiscard]] CatalogLocation location() const { return harness_->location(); }
  // No engine is there any more.
  void Close() { catalog_.reset(); }

  // Registers a topic with so many events, every third a tenant's, the first under a producer key; its
  // number.
  int64_t MakeTopic(const std::string& name, int events) {
    TopicRepo topics(backend());
    const int64_t topic_no = Ok(topics.Register(kGlobal, name, "schema", {})).topic_no;
    for (int i = 0; i < events; ++i)
      Publish(topic_no, fmt::format("{} {}", name, i), i % 3 == 0 ? kA : kGlobal, i == 0 ? "key" : "");
    return topic_no;
  }
  void Publish(int64_t topic_no, std::string text, const Scope& scope = kGlobal, std::string key = {}) {
    EventAppend event{.topic_no = topic_no, .scope = scope, .row_count = 1};
    event.payload = arrow::Buffer::FromString(std::move(text));
    event.checksum = Checksum({event.payload->data(), static_cast<size_t>(event.payload->size())});
    Ok(catalog_->log().Append(AppendRequest({std::move(event)}, std::move(key)), {}));
  }
  std::vector<std::string> Texts(Catalog& catalog, int64_t topic_no) {
    std::vector<std::string> texts;
    for (const LogEvent& event : Ok(catalog.log().Read(topic_no, 0, kA, {})).events) {
      texts.push_back(event.payload->ToString());
    }
    return texts;
  }
  // Models of two scopes, one built on another; two topics, one of them dropped, and its name taken again;
  // sessions, whose keys are bytes.
  void Fill() {
    for (const Scope& scope : {kA, kB, kGlobal}) {
      RegisterModel(scope, "it's");
      RegisterModel(scope, "snow \xE2\x9D\x84");
    }
    numbers_ = {MakeTopic("quakes", 40), MakeTopic("news", 3)};
    TopicRepo topics(backend());
    Ok(topics.Drop(kGlobal, Ok(topics.FindByName(kGlobal, "news")).id, [](int64_t) {}));
    numbers_.push_back(MakeTopic("news", 2));
    auto sessions = Ok(SessionBindings::Make({catalog_, &backend()}, {}));
    for (const std::string session : {"session 1", "session 2"})
      Ok(sessions.Bind(Ok(SessionKey::Of(session)), *kA.tenant()));
    incarnation_ = catalog_->incarnation();
  }

  static std::vector<std::string> Findings(const CatalogLocation& location) {
    std::vector<std::string> findings;
    Ok(CheckCatalog(location, [&](const CheckFinding& finding) {
      findings.push_back(finding.where + ": " + finding.what);
    }));
    return findings;
  }

  static Result<std::unique_ptr<Catalog>> Open(const CatalogLocation& location) {
    if (location.kind == BackendKind::kPostgres) {
      PostgresOptions options;
      options.url = location.url;
      return OpenPostgresCatalog(options);
    }
    SqliteOptions options;
    options.path = location.path;
    return OpenSqliteCatalog(options);
  }

  // Runs `work` in a process of its own, which is killed when it comes to the sync point for the n-th time.
  // True: it was; false: it came to its end.
  template <class Work>
  static bool KilledAt(const std::string& point, int nth, Work work) {
    const pid_t child = fork();
    if (child == 0) {
      int hits = 0;
      SetSyncPoint(point, [&] {
        if (++hits == nth) kill(getpid(), SIGKILL);
      });
      _exit(work() ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << "the work failed";
    return WIFSIGNALED(status);
  }

  std::vector<int64_t> numbers_;
  std::string incarnation_;
};

inline BackendFault FaultOf(const Error& error) {
  const auto* detail = error.As<BackendDetail>();
  EXPECT_NE(detail, nullptr) << error.ToString();
  return detail != nullptr ? detail->fault : BackendFault::kExecution;
}

}  // namespace jammi::test
