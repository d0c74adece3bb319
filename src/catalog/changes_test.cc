#include "catalog/changes.h"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/api.h>
#include <fmt/format.h>

#include <atomic>
#include <thread>

#include "catalog/change_payload.h"
#include "catalog/repo_fixture.h"
#include "catalog/topic_repo.h"

namespace jammi::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ChangesTest : public RepoTest {
 protected:
  // "<verb> <kind> <name>[ <version>]" of every event that `reader` sees.
  std::vector<std::string> Changes(const Scope& reader) {
    std::vector<std::string> texts;
    for (const LogEvent& event : Ok(catalog_->log().Read(kChangesTopicNo, 0, reader, {})).events) {
      if (event.payload != nullptr) texts.push_back(Text(event.payload));
    }
    return texts;
  }

  static std::string Text(const std::shared_ptr<arrow::Buffer>& payload) {
    arrow::io::BufferReader stream(payload);
    arrow::ipc::DictionaryMemo memo;
    const auto batch =
        arrow::ipc::ReadRecordBatch(ChangesSchema(), &memo, arrow::ipc::IpcReadOptions::Defaults(), &stream)
            .ValueOrDie();
    EXPECT_EQ(batch->num_rows(), 1);
    const auto text = [&](int column) {
      return static_cast<const arrow::StringArray&>(*batch->column(column)).GetString(0);
    };
    const auto& version = static_cast<const arrow::Int64Array&>(*batch->column(4));
    return fmt::format("{} {} {}{}", text(1), text(0), text(3),
                       version.IsValid(0) ? fmt::format(" {}", version.Value(0)) : "");
  }
};

JAMMI_ON_EVERY_DATABASE(ChangesTest);

TEST_P(ChangesTest, EveryChangeOfAModelOrTopicIsAnEvent) {
  RegisterModel(kA, "ranker");
  Ok(ModelsOf(kA).Upsert({.model_id = "ranker", .model_type = "embedding", .backend = "http"}));
  Ok(ModelsOf(kA).UpdateStatus("ranker", 1, ModelStatus::kLoaded));
  Ok(ModelsOf(kA).SetArtifactPath("ranker", 1, "file:///x"));
  Ok(ModelsOf(kA).Delete("ranker"));
  TopicRepo topics(backend());
  const auto topic = Ok(topics.Register(kA, "quakes", "schema", {}));
  Ok(topics.Drop(kA, topic.id, [](int64_t) {}));
  EXPECT_THAT(Changes(kA),
              ElementsAre("registered model ranker 1", "updated model ranker 1", "updated model ranker 1",
                          "updated model ranker 1", "deleted model ranker 1", "registered topic quakes",
                          "deleted topic quakes"));
}

TEST_P(ChangesTest, WhatChangedNothingIsNoEvent) {
  RegisterModel(kA, "m");
  EXPECT_FALSE(ModelsOf(kA).Register({.model_id = "m", .model_type = "embedding"}));
  EXPECT_FALSE(ModelsOf(kA).Delete("other"));
  Ok(ModelsOf(kA).UpdateStatus("m", 1, ModelStatus::kRegistered));
  EXPECT_THAT(Changes(kA), ElementsAre("registered model m 1"));
}

// Every change ends with an event of the same topic. A deletion that insisted on a snapshot of its beginning
// lost against each of them, and gave up among many.
TEST_P(ChangesTest, ADeletionDoesNotLoseAgainstOtherChanges) {
  for (int i = 0; i < 20; ++i) RegisterModel(kA, fmt::format("m{}", i));
  const uint64_t reruns = backend().stats().reruns;
  std::atomic<bool> stop = false;
  std::jthread other([&] {
    while (!stop) Ok(ModelsOf(kB).RegisterNext({.model_id = "b", .model_type = "embedding"}));
  });
  for (int i = 0; i < 20; ++i) Ok(ModelsOf(kA).Delete(fmt::format("m{}", i)));
  stop = true;
  other.join();
  EXPECT_EQ(backend().stats().reruns, reruns);
}

// Bodies of other lengths, with and without padding, and every verb.
TEST(ChangePayload, AFilledTemplateIsWhatArrowWrites) {
  for (const bool has_version : {false, true}) {
    const auto known = ChangeTemplate::Make(has_version);
    ASSERT_TRUE(known) << "Arrow writes something else: changes are encoded slowly";
    for (const size_t length : {0, 1, 7, 8, 9, 16, 63, 64, 65, 512, 4096}) {
      const std::string text(length, 'x');
      for (const ChangeVerb verb :
           {ChangeVerb::kRegistered, ChangeVerb::kUpdated, ChangeVerb::kDeleted, ChangeVerb::kRecovered}) {
        for (const Scope& owner : {kGlobal, kA}) {
          CatalogChange change{.kind = text, .verb = verb, .owner = owner, .name = text};
          if (has_version) change.version = static_cast<int64_t>(length) << 33;
          const auto expected = Ok(WriteChange(change));
          EXPECT_TRUE(known->Fill(change)->Equals(*expected)) << length;
          EXPECT_TRUE(Ok(EncodeChange(change))->Equals(*expected)) << length;
          change.name = "other";
          EXPECT_FALSE(known->Fill(change)->Equals(*expected)) << length;
        }
      }
    }
  }
}

TEST_P(ChangesTest, ATenantSeesItsOwnAndGlobalChanges) {
  RegisterModel(kA, "a");
  RegisterModel(kGlobal, "g");
  EXPECT_THAT(Changes(kA), ElementsAre("registered model a 1", "registered model g 1"));
  EXPECT_THAT(Changes(kB), ElementsAre("registered model g 1"));
  EXPECT_THAT(Changes(kGlobal), ElementsAre("registered model g 1"));
}

TEST_P(ChangesTest, TheTopicStaysAndIsNobodysToTouch) {
  RegisterModel(kA, "before");
  Reopen();
  RegisterModel(kA, "after");
  EXPECT_THAT(Changes(kA), ElementsAre("registered model before 1", "registered model after 1"));
  TopicRepo topics(backend());
  const TopicId id = Ok(topics.FindByName(kA, kChangesTopicName)).id;
  for (const Scope& scope : {kA, kGlobal}) {
    EXPECT_EQ(CodeOf(topics.Drop(scope, id, [](int64_t) {})), ErrorCode::kPermissionDenied);
    EXPECT_EQ(CodeOf(topics.Register(scope, kChangesTopicName, "s", {})), ErrorCode::kInvalidArgument);
    EXPECT_THAT(Ok(topics.List(scope, 10, {})).items, IsEmpty());
  }
}

}  // namespace
}  // namespace jammi::test
