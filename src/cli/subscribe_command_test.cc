// jammi subscribe beside a real server.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>

#include <thread>

#include "cli/remote_fixture.h"
#include "rows/ipc_stream.h"

namespace jammi {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class SubscribeCli : public RemoteCli {
 protected:
  SubscribeCli() {
    Out({"trigger", "register", "--name", "quakes", "--schema",
         "id:int,magnitude:float,place:string:nullable"});
    Write("rows.jsonl",
          "{\"id\":1,\"magnitude\":4.5,\"place\":\"a\"}\n{\"id\":2,\"magnitude\":5.5}\n"
          "{\"id\":3,\"magnitude\":6.5,\"place\":\"\\u001b[2J\"}\n");
    Out({"publish", "quakes", "--file", "rows.jsonl"});
  }
};

TEST_F(SubscribeCli, Cli070EventsAreATable) {
  EXPECT_EQ(Out({"subscribe", "quakes", "--no-follow"}),
            "_offset    _produced_at                id         magnitude    place\n"
            "---------------------------------------------------------------------------------------\n"
            "0          <time> 1          4.5          a\n"
            "1          <time> 2          5.5          \u2014\n"
            "2          <time> 3          6.5          \\x1b[2J\n");
  EXPECT_EQ(Out({"trigger", "subscribe", "quakes", "--from", "1", "--max", "1", "--rows-only"}),
            "id         magnitude    place\n------------------------------------------------\n"
            "2          5.5          \u2014\n");
}

TEST_F(SubscribeCli, Cli070EventsAreJsonAndCsv) {
  EXPECT_EQ(
      Out({"subscribe", "quakes", "--no-follow", "--where", "magnitude > 5", "--output", "json"}),
      "{\"_offset\":1,\"_produced_at\":\"<time>\",\"id\":2,\"magnitude\":5.5,\"place\":null}\n"
      "{\"_offset\":2,\"_produced_at\":\"<time>\",\"id\":3,\"magnitude\":6.5,\"place\":\"\\u001b[2J\"}\n");
  EXPECT_EQ(Out({"subscribe", "quakes", "--from", "begin", "--max", "2", "--output", "csv"}),
            "_offset,_produced_at,id,magnitude,place\n0,<time>,1,4.5,a\n1,<time>,2,5.5,\n");
}

TEST_F(SubscribeCli, Cli070EventsAreAnArrowStream) {
  const auto run = Jammi({"subscribe", "quakes", "--no-follow", "--output", "arrow"});
  EXPECT_EQ(run.exit, 0);
  const auto batches = DecodeBatchStream(run.out);
  ASSERT_TRUE(batches);
  EXPECT_EQ(batches->size(), 3U);
  // The columns are there without any event too.
  const auto none = Jammi({"subscribe", "quakes", "--no-follow", "--from", "end", "--output", "arrow"});
  EXPECT_TRUE(DecodeBatchStream(none.out)->empty());
}

TEST_F(SubscribeCli, WrongInputIsNamedAndPrintsNoHeader) {
  EXPECT_EQ(Error({"subscribe", "nope", "--no-follow"}), "Error: topic 'nope' not found\n");
  EXPECT_THAT(Error({"subscribe", "quakes", "--where", "nope > 1", "--output", "csv"}), HasSubstr("nope"));
  EXPECT_EQ(Error({"subscribe", "quakes", "--from", "start"}),
            "Error: --from: 'start' is not begin, end, an offset or a time such as <time>\n");
  EXPECT_EQ(Jammi({"subscribe", "quakes", "--max", "0"}).exit, 2);
  EXPECT_EQ(Jammi({"subscribe", "quakes", "--output", "xml"}).exit, 2);
}

// Ctrl-C under way: what was printed is whole, and it is no failure.
TEST_F(SubscribeCli, ASignalEndsItInOrder) {
  for (const std::string form : {"csv", "arrow"}) {
    const auto child = Start({"subscribe", "quakes", "--from", "begin", "--output", form}, Variables(), {});
    const auto whole = [&] {
      const auto out = Read("out");
      if (form == "csv") return std::ranges::count(out, '\n') == 4;
      const auto batches = DecodeBatchStream(out);
      return batches && batches->size() == 3;
    };
    while (!whole()) std::this_thread::yield();
    ::kill(child, SIGINT);
    const auto run = Finish(child, "out", "err");
    EXPECT_EQ(run.exit, 0) << run.err;
    EXPECT_EQ(run.err, "");
    EXPECT_THAT(run.out, EndsWith(form == "csv" ? "\n" : std::string("\xff\xff\xff\xff\0\0\0\0", 8)));
  }
}

// `| head` used to be told that the output cannot be written.
TEST_F(SubscribeCli, AReaderThatHasSeenEnoughIsToldNothing) {
  std::string lines;
  for (int i = 0; i < 5000; ++i) lines += "{\"id\":4,\"magnitude\":7.5}\n";
  Write("many.jsonl", lines);
  Out({"publish", "quakes", "--file", "many.jsonl", "--rows-per-event", "1000"});
  const Shell shell;
  const auto run = shell.Run({"-c", JAMMI_PROGRAM " subscribe quakes --no-follow --output json | head -n 1"},
                             {Variables()[0], "PATH=/usr/bin:/bin"});
  EXPECT_EQ(std::ranges::count(run.out, '\n'), 1);
  EXPECT_EQ(run.err, "");
  const auto full = Run({"trigger", "list"}, Variables(), "/dev/full");
  EXPECT_EQ(full.exit, 1);
  EXPECT_EQ(full.err, "Error: cannot write the output: No space left on device\n");
}

// `| head -3` of a topic that is quiet used to stay for ever: nothing is written, so no write fails.
TEST_F(SubscribeCli, AFollowerEndsWithItsReader) {
  const Shell shell;
  const auto run =
      shell.Run({"-c", "{ timeout 20 " JAMMI_PROGRAM
                       " subscribe quakes --from begin --output json; echo $? > code; } | head -n 3"},
                {Variables()[0], "PATH=/usr/bin:/bin"});
  EXPECT_EQ(std::ranges::count(run.out, '\n'), 3);
  EXPECT_EQ(run.err, "");
  EXPECT_EQ(shell.Text("code"), "1\n");
}

// They are in no list, and the documents tell to subscribe to them. It used to say that there are none.
TEST_F(SubscribeCli, TopicsOfTheEngineAreReadToo) {
  EXPECT_EQ(Out({"subscribe", "jammi.catalog.changes", "--no-follow", "--rows-only", "--output", "csv"}),
            "kind,verb,owner,name,version\ntopic,registered,\"\",quakes,\n");
  EXPECT_THAT(Out({"subscribe", "jammi.catalog.changes", "--from", "begin", "--max", "1", "--where",
                   "name = 'quakes'"}),
              AllOf(StartsWith("_offset    _produced_at                kind "), HasSubstr(" quakes ")));
  // Nothing is known of its columns before its first event.
  EXPECT_EQ(Out({"subscribe", "jammi.catalog.changes", "--no-follow", "--from", "end", "--output", "csv"}),
            "");
  EXPECT_EQ(Error({"subscribe", "jammi.nope", "--no-follow"}), "Error: topic 'jammi.nope' not found\n");
}

// "Socket closed" was all that a reader was told.
TEST_F(SubscribeCli, AServerThatGoesAwayIsNamedWithWhereToGoOn) {
  const auto child = Start({"subscribe", "quakes", "--from", "begin", "--output", "csv"}, Variables(), {});
  while (std::ranges::count(Read("out"), '\n') < 4) std::this_thread::yield();
  server_.process().Kill();
  const auto run = Finish(child, "out", "err");
  EXPECT_EQ(run.exit, 1);
  EXPECT_THAT(Masked(run.err), AllOf(StartsWith("Error: the connection to grpc://<server> was lost"),
                                     EndsWith("; go on with --from 3\n")));
}

// A follower sees what is published while it waits.
TEST_F(SubscribeCli, AFollowerGetsWhatIsNew) {
  const auto child =
      Start({"subscribe", "quakes", "--from", "begin", "--max", "4", "--output", "csv"}, Variables(), {});
  while (std::ranges::count(Read("out"), '\n') < 4) std::this_thread::yield();
  Write("new.jsonl", "{\"id\":4,\"magnitude\":7.5,\"place\":\"new\"}\n");
  const auto published = Run({"publish", "quakes", "--file", "new.jsonl"}, Variables(), "published");
  EXPECT_EQ(published.exit, 0);
  const auto run = Finish(child, "out", "err");
  EXPECT_EQ(run.exit, 0);
  EXPECT_THAT(run.out, EndsWith(",4,7.5,new\n"));
}

}  // namespace
}  // namespace jammi
