// The registry of sources at work: secrets, bad input, threads, and random work of three scopes against a
// map.
#include <array>
#include <atomic>
#include <map>
#include <sstream>
#include <thread>

#include "catalog/source_repo_fixture.h"
#include "support/random.h"

namespace jammi::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class SourcesWorkTest : public SourcesTest {};

template <class T>
std::string Printed(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

// --- Secrets (WK-33).

TEST_P(SourcesWorkTest, Wk33NothingPrintsASecret) {
  SourceConnection connection = File("postgres://user:hunter2@host/db?password=hunter2");
  connection.options = {{"aws_secret_access_key", Secret("hunter2")}};
  const auto stored = Ok(As(kA).Register("sales", SourceType::kFile, connection));
  EXPECT_EQ(Printed(stored), fmt::format("source sales of {}, revision 1: file, parquet, url [secret], "
                                         "aws_secret_access_key=[secret]",
                                         kA.Key()));
  EXPECT_THAT(testing::PrintToString(stored), Not(HasSubstr("hunter2")));

  std::vector<Error> errors = {As(kA).Register("sales", SourceType::kFile, connection).error()};
  for (const std::string_view bad : {"hunter2\xff", "hunter2${", "hunter2${X"}) {
    auto broken = connection;
    broken.url = Secret(std::string(bad));
    errors.push_back(As(kA).Update("sales", broken).error());
    broken = connection;
    broken.options["key"] = Secret(std::string(bad));
    errors.push_back(As(kA).Update("sales", broken).error());
  }
  connection.url = Secret("hunter2" + std::string(5000, 'x'));
  errors.push_back(As(kA).Register("new", SourceType::kFile, connection).error());
  for (const auto& error : errors) EXPECT_THAT(error.ToString(), Not(HasSubstr("hunter2")));
}

TEST_P(SourcesWorkTest, Wk33AReferenceStaysWhatItIsInTheDatabase) {
  auto connection = File("s3://${BUCKET}/x");
  connection.options = {{"key", Secret("${KEY}")}};
  Ok(As(kA).Register("sales", SourceType::kFile, connection));
  EXPECT_EQ(GetInt("SELECT COUNT(*) AS v FROM sources WHERE url = 's3://${BUCKET}/x' AND "
                   "options_json = '{\"key\":\"${KEY}\"}'"),
            1);
}

TEST(ResolveSecretsTest, ReplacesReferencesOnce) {
  const std::map<std::string, std::string, std::less<>> known = {
      {"A", "${B}"}, {"_b2", "two"}, {"EMPTY", ""}, {"D", "$$"}};
  const auto lookup = [&](std::string_view name) {
    const auto found = known.find(name);
    return found == known.end() ? std::nullopt : std::optional(Secret(found->second));
  };
  const auto resolve = [&](const std::string& text) {
    const auto resolved = Ok(ResolveSecrets({.url = Secret(text), .options = {{"o", Secret(text)}}}, lookup));
    EXPECT_EQ(resolved.options.at("o").Reveal(), resolved.url.Reveal());
    return resolved.url.Reveal();
  };
  for (const auto& [text, expected] :
       std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                        {"plain", "plain"},
                                                        {"${A}", "${B}"},
                                                        {"x${_b2}y${EMPTY}z", "xtwoyz"},
                                                        {"$", "$"},
                                                        {"$$", "$"},
                                                        {"$${A}", "${A}"},
                                                        {"$$$${A}", "$${A}"},
                                                        {"$$${_b2}", "$two"},
                                                        {"${D}${D}", "$$$$"},
                                                        {"$A {A} }", "$A {A} }"}}) {
    EXPECT_EQ(resolve(text), expected) << text;
  }
  for (const std::string text : {"${", "${}", "${A", "${A }", "${2A}", "${A-B}", "${${A}}", "x${é}"}) {
    EXPECT_EQ(CodeOf(ResolveSecrets({.url = Secret(text)}, lookup)), ErrorCode::kInvalidArgument) << text;
    EXPECT_EQ(CodeOf(ResolveSecrets({.options = {{"o", Secret(text)}}}, lookup)),
              ErrorCode::kInvalidArgument);
  }
  const auto absent = ResolveSecrets({.url = Secret("pre${NOPE}post")}, lookup);
  EXPECT_EQ(CodeOf(absent), ErrorCode::kFailedPrecondition);
  EXPECT_THAT(absent.error().message(), testing::AllOf(HasSubstr("NOPE"), Not(HasSubstr("pre"))));
}

// --- Bad input.

TEST_P(SourcesWorkTest, Cat026BadArgumentsAreRefusedByName) {
  const std::string long_id(513, 'i');
  const auto expect_bad = [&](const SourceConnection& connection, std::string_view field,
                              SourceType type = SourceType::kFile) {
    const auto refused = As(kA).Register("new", type, connection);
    ASSERT_EQ(CodeOf(refused), ErrorCode::kInvalidArgument) << field;
    EXPECT_THAT(refused.error().message(), HasSubstr(std::string(field)));
  };
  const auto with = [](auto change) {
    SourceConnection connection = File();
    change(connection);
    return connection;
  };
  expect_bad({.format = FileFormat::kCsv}, "url");
  expect_bad({.url = Secret("file:///x")}, "format");
  expect_bad({.format = FileFormat::kCsv}, "url", SourceType::kPostgres);
  expect_bad(File(), "type", static_cast<SourceType>(9));
  expect_bad(with([](auto& c) { c.format = static_cast<FileFormat>(9); }), "format");
  expect_bad(with([](auto& c) { c.url = Secret(std::string("a\0b", 3)); }), "url");
  expect_bad(with([](auto& c) { c.url = Secret(std::string(4097, 'u')); }), "url");
  expect_bad(with([](auto& c) { c.file_extension = std::string(65, 'e'); }), "file_extension");
  expect_bad(with([](auto& c) { c.cloud = "\xc3\x28"; }), "cloud");
  expect_bad(with([](auto& c) { c.tenant_column = std::string(513, 't'); }), "tenant_column");
  expect_bad(with([](auto& c) { c.options = {{"", Secret("x")}}; }), "option");
  expect_bad(with([](auto& c) { c.options = {{"o", Secret("\xff")}}; }), "option o");
  expect_bad(with([](auto& c) {
               c.options = {{"o", Secret(std::string(40000, 'x'))}, {"p", Secret(std::string(40000, 'x'))}};
             }),
             "options");
  for (const std::string& id : {std::string(), long_id, std::string("a\0b", 3), std::string("\xff")}) {
    EXPECT_EQ(CodeOf(As(kA).Register(id, SourceType::kFile, File())), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(As(kA).Update(id, File())), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(As(kA).Remove(id)), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(As(kA).Get(id)), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(As(kA).Describe(id)), ErrorCode::kInvalidArgument);
  }
  EXPECT_THAT(ListAll(kA), IsEmpty());
}

TEST_P(SourcesWorkTest, PagesThatAreNone) {
  Register(kA, "a");
  Register(kA, "b");
  const auto token = Ok(As(kA).List(1)).next_page_token;
  const auto all_token = Ok(AllSources(backend()).List(1, "")).next_page_token;
  for (const int size : {0, -1, kMaxPageSize + 1}) {
    EXPECT_EQ(CodeOf(As(kA).List(size)), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(As(kA).ListDescriptions(size)), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(As(kA).Describe("a", size)), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(AllSources(backend()).List(size, "")), ErrorCode::kInvalidArgument);
  }
  for (const std::string& bad : {std::string("x"), token + "0", all_token}) {
    EXPECT_EQ(CodeOf(As(kA).List(10, bad)), ErrorCode::kInvalidArgument) << bad;
    EXPECT_EQ(CodeOf(As(kA).ListDescriptions(10, bad)), ErrorCode::kInvalidArgument) << bad;
    EXPECT_EQ(CodeOf(As(kA).Describe("a", 10, bad)), ErrorCode::kInvalidArgument) << bad;
  }
  EXPECT_EQ(CodeOf(AllSources(backend()).List(10, token)), ErrorCode::kInvalidArgument);
}

TEST_P(SourcesWorkTest, NoChangeBeginsAfterItsDeadline) {
  auto sources = As(kA).WithDeadline(Deadline::Now());
  EXPECT_EQ(CodeOf(sources.Register("a", SourceType::kFile, File())), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(CodeOf(sources.Update("a", File())), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(CodeOf(sources.Remove("a")), ErrorCode::kDeadlineExceeded);
  EXPECT_THAT(ListAll(kA), IsEmpty());
}

// --- Threads.

template <class Work>
void InThreads(int count, Work work) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&work, i] { work(i); });
}

TEST_P(SourcesWorkTest, OfManyWhoRegisterOneIdOneWins) {
  std::atomic<int> won = 0;
  InThreads(8, [&](int thread) {
    const auto mine = As(kA).Register("sales", SourceType::kFile, File(fmt::format("file:///{}", thread)));
    if (mine) {
      ++won;
      EXPECT_EQ(mine->connection.url.Reveal(), fmt::format("file:///{}", thread));
    } else {
      EXPECT_EQ(mine.error().code(), ErrorCode::kAlreadyExists) << mine.error().ToString();
    }
  });
  EXPECT_EQ(won, 1);
  EXPECT_EQ(Changes(), 1);
}

TEST_P(SourcesWorkTest, EveryRevisionIsWonOnce) {
  Register(kA, "sales");
  std::atomic<int> won = 0;
  InThreads(4, [&](int /*thread*/) {
    for (int i = 0; i < 20; ++i) {
      const auto revision = Ok(As(kA).Get("sales")).revision;
      const auto updated = As(kA).Update("sales", File(), revision);
      if (updated) {
        ++won;
        EXPECT_EQ(updated->revision, revision + 1);
      } else {
        EXPECT_THAT(updated.error().code(),
                    testing::AnyOf(ErrorCode::kFailedPrecondition, ErrorCode::kAborted));
      }
    }
  });
  EXPECT_EQ(Ok(As(kA).Get("sales")).revision, 1 + won);
  EXPECT_EQ(Changes(), 1 + won);
}

// --- Random work of three scopes, watched by an outsider, against a map.

TEST_P(SourcesWorkTest, RandomWorkEqualsTheModel) {
  const uint64_t seed = FromEnvironment("JAMMI_SOURCES_SEED", 20);
  SCOPED_TRACE(Replay("JAMMI_SOURCES_SEED", seed));
  Random random(seed);
  const std::array writers = {kA, kB, kGlobal};
  std::map<std::pair<Scope, std::string>, SourceRecord> model;
  const auto visible = [&](const Scope& reader, const std::string& id) -> const SourceRecord* {
    for (const Scope& owner : {reader, kGlobal}) {
      if (const auto found = model.find({owner, id}); found != model.end()) return &found->second;
    }
    return nullptr;
  };
  for (int step = 0; step < 400; ++step) {
    MoveClock(std::chrono::microseconds(1));
    const Scope scope = writers[random.Below(writers.size())];
    const std::string id = fmt::format("s{}", random.Below(6));
    const auto own = model.find({scope, id});
    const auto connection = File(fmt::format("file:///{}", step));
    switch (random.Below(3)) {
      case 0: {
        const auto stored = As(scope).Register(id, SourceType::kFile, connection);
        ASSERT_EQ(stored.has_value(), own == model.end()) << step;
        if (stored) model[{scope, id}] = *stored;
        break;
      }
      case 1: {
        const auto stored = As(scope).Update(id, connection);
        ASSERT_EQ(stored.has_value(), own != model.end()) << step;
        if (stored) model[{scope, id}] = *stored;
        break;
      }
      default:
        ASSERT_EQ(As(scope).Remove(id).has_value(), own != model.end()) << step;
        if (own != model.end()) model.erase(own);
    }
    for (const auto& reader : {kA, kB, kGlobal, kOutsider}) {
      const auto got = As(reader).Get(id);
      const auto* expected = visible(reader, id);
      ASSERT_EQ(got.has_value(), expected != nullptr) << step;
      if (got) {
        ASSERT_EQ(*got, *expected) << step;
      }
    }
  }
  for (const auto& reader : {kA, kB, kGlobal, kOutsider}) {
    std::map<std::string, SourceRecord> listed;
    for (auto& source : ListAll(reader, 3)) EXPECT_TRUE(listed.emplace(source.source_id, source).second);
    for (int i = 0; i < 6; ++i) {
      const auto* expected = visible(reader, fmt::format("s{}", i));
      EXPECT_EQ(listed.contains(fmt::format("s{}", i)), expected != nullptr);
      if (expected != nullptr) {
        EXPECT_EQ(listed.at(expected->source_id), *expected);
      }
    }
  }
}

JAMMI_ON_EVERY_DATABASE(SourcesWorkTest);

}  // namespace
}  // namespace jammi::test
