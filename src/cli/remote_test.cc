// Every remote command beside a real server: its output to the last character, and what it refuses.
#include <gmock/gmock.h>
#include <google/protobuf/empty.pb.h>

#include <nlohmann/json.hpp>

#include "cli/remote_fixture.h"
#include "jammi/v1/audit.pb.h"
#include "jammi/v1/catalog.pb.h"

namespace jammi {
namespace {

using google::protobuf::Empty;
using nlohmann::json;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

TEST_F(RemoteCli, Cli001GlobalOptionsStandBeforeOrBehindTheCommand) {
  const auto before = Run({"--target", Target(), "trigger", "list"});
  const auto behind = Run({"trigger", "list", "--target", Target()});
  const auto variable = Run({"trigger", "list"}, {"JAMMI_TARGET=" + Target()});
  for (const auto& run : {before, behind, variable}) {
    EXPECT_EQ(run.exit, 0) << run.err;
    EXPECT_EQ(run.out, "No topics registered.\n");
  }
  // What is given wins over the variable; local commands have no server.
  EXPECT_EQ(Run({"status", "--target", Target()}, {"JAMMI_TARGET=grpc://127.0.0.1:1"}).exit, 0);
  EXPECT_EQ(Run({"config", "check", "--target", Target()}).exit, 2);
}

TEST_F(RemoteCli, Cli002TargetsWithoutASchemeArePlaintext) {
  EXPECT_EQ(Run({"health", "--target", server_.flight()}).exit, 0);
  EXPECT_EQ(Run({"health", "--target", "http://" + server_.flight()}).exit, 0);
  const auto other = Run({"health", "--target", "ftp://" + server_.flight()});
  EXPECT_EQ(other.exit, 1);
  EXPECT_THAT(other.err, HasSubstr("unsupported --target scheme"));
  const auto tls = Run({"health", "--target", "grpcs://" + server_.flight()});
  EXPECT_EQ(tls.exit, 1);
  EXPECT_THAT(tls.err, AllOf(StartsWith("Error: "), EndsWith("speaks no TLS there: write grpc://)\n")));
  EXPECT_THAT(Run({"health", "--target", server_.health()}).err, HasSubstr("health port"));
}

TEST_F(RemoteCli, Cli005ADeadServerIsAnErrorOfEveryCommand) {
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"status"},
                                             {"health"},
                                             {"sources", "list"},
                                             {"models", "list"},
                                             {"trigger", "list"},
                                             {"channels", "list"},
                                             {"tables", "list"},
                                             {"audit", "recent"},
                                             {"publish", "t"},
                                             {"subscribe", "t"},
                                             {"trigger", "drop", "--name", "t", "--if-exists"}}) {
    const auto run = Run(command, {"JAMMI_TARGET=grpc://127.0.0.1:1"});
    EXPECT_EQ(run.exit, 1);
    EXPECT_EQ(run.out, "");
    EXPECT_THAT(run.err, AllOf(StartsWith("Error: cannot connect to grpc://127.0.0.1:1: "),
                               HasSubstr("refused"), HasSubstr("is jammi-server running there?")));
  }
}

TEST_F(RemoteCli, Cli006ATenantIsBoundFirstAndCheckedBefore) {
  Out({"--tenant", kTenant, "trigger", "register", "--name", "theirs", "--schema", "id:int"});
  EXPECT_EQ(Out({"trigger", "list"}), "No topics registered.\n");
  EXPECT_THAT(Out({"trigger", "list", "--tenant", kTenant}), HasSubstr("theirs"));
  EXPECT_EQ(Out({"trigger", "list", "--tenant", kOtherTenant}), "No topics registered.\n");
  // Not even the connection is made.
  for (const auto* bad : {"nope", "00000000-0000-0000-0000-000000000000", "x' OR 1=1"})
    EXPECT_THAT(Error({"--tenant", bad, "--target", "grpc://127.0.0.1:1", "status"}), HasSubstr("tenant id"));
  EXPECT_THAT(Error({"--tenant", kTenant, "--session", "s", "status"}), HasSubstr("jammi tenant set"));
}

TEST_F(RemoteCli, Cli007EveryCommandHasJson) {
  Out({"trigger", "register", "--name", "t", "--schema", "id:int"});
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"status"},
                                             {"health"},
                                             {"sources", "list"},
                                             {"models", "list"},
                                             {"models", "describe", "x"},
                                             {"trigger", "list"},
                                             {"channels", "list"},
                                             {"mutable", "list"},
                                             {"consumers", "list", "--topic", "t"},
                                             {"audit", "recent", "--tenant", kTenant},
                                             {"trigger", "drop", "--name", "t"}}) {
    auto arguments = command;
    arguments.insert(arguments.end(), {"--output", "json"});
    EXPECT_TRUE(json::accept(Out(arguments))) << command[0];
    arguments.back() = "xml";
    EXPECT_EQ(Jammi(arguments).exit, 2);
  }
}

TEST_F(RemoteCli, Cli010Status) {
  EXPECT_THAT(Out({"status"}), MatchesRegex("version:          " JAMMI_VERSION "\nfeatures:         [^\n]+\n"
                                            "storage_backends: file, memory\n"
                                            "services:         core, event\n"));
  const auto status = json::parse(Out({"status", "--output", "json"}));
  EXPECT_EQ(status["version"], JAMMI_VERSION);
  EXPECT_EQ(status["storage_backends"], (std::vector<std::string>{"file", "memory"}));
  EXPECT_THAT(Out({"health"}), MatchesRegex("grpc://<server> is serving \\(version " JAMMI_VERSION
                                            ", answered in [0-9.]+ ms\\).\n"));
  EXPECT_EQ(Jammi({"status", "extra"}).exit, 2);
}

TEST_F(RemoteCli, Cli020Cli021Sources) {
  EXPECT_EQ(Out({"sources", "list"}), "No sources registered.\n");
  EXPECT_THAT(Error({"sources", "describe", "nope"}), HasSubstr("'nope' not found"));
  // The help used to promise what no server does yet.
  EXPECT_THAT(Error({"sources", "add", "x", "--url", "f", "--format", "csv"}), HasSubstr("not available"));
  EXPECT_THAT(Run({"sources", "add", "--help"}).out, HasSubstr("no server of this version can yet"));
  EXPECT_EQ(Jammi({"sources", "add", "x", "--url", "f"}).exit, 2);  // no format
  EXPECT_EQ(Jammi({"sources", "add", "x", "--url", "f", "--format", "xls"}).exit, 2);
  EXPECT_EQ(Jammi({"sources", "add", "--url", "f", "--format", "csv"}).exit, 2);  // no name
}

TEST_F(RemoteCli, Cli030Cli031Cli032Models) {
  EXPECT_EQ(Out({"models", "list"}), "No models registered.\n");
  EXPECT_EQ(Out({"models", "describe", "org/name"}), "No model 'org/name' registered.\n");
  EXPECT_EQ(Out({"models", "describe", "org/name", "--output", "json"}), "null\n");
  EXPECT_THAT(Error({"models", "delete", "org/name"}), HasSubstr("org/name"));
  EXPECT_EQ(Out({"models", "delete", "org/name", "--if-exists"}), "Deleted model 'org/name'.\n");
  EXPECT_EQ(Jammi({"models", "delete"}).exit, 2);
}

TEST_F(RemoteCli, Cli040Cli041Cli042Topics) {
  EXPECT_EQ(Out({"trigger", "list"}), "No topics registered.\n");
  EXPECT_EQ(Out({"trigger", "register", "--name", "quakes", "--schema",
                 "id:int,magnitude:float:nullable,place:string:nullable,felt:bool"}),
            "Topic 'quakes' registered (id=<id>).\n");
  EXPECT_EQ(Out({"trigger", "list"}),
            "Name                                     Tenant     Columns\n"
            "--------------------------------------------------------------------------------\n"
            "quakes                                   \u2014          id:int, magnitude:float, place:string, "
            "felt:bool\n");
  const auto topics = json::parse(Out({"trigger", "list", "--output", "json"}));
  ASSERT_EQ(topics.size(), 1U);
  EXPECT_EQ(topics[0]["name"], "quakes");
  EXPECT_EQ(topics[0]["tenant_id"], nullptr);
  EXPECT_EQ(topics[0]["columns"][1], json({{"name", "magnitude"}, {"type", "Float64"}, {"nullable", true}}));
  EXPECT_THAT(Error({"trigger", "register", "--name", "quakes", "--schema", "id:int"}), HasSubstr("quakes"));
  EXPECT_EQ(Error({"trigger", "register", "--name", "x", "--schema", "id:date"}),
            "Error: unsupported column type: date; the types are int, float, string and bool\n");
  EXPECT_EQ(Error({"trigger", "register", "--name", "x", "--schema", ""}),
            "Error: schema must declare at least one column\n");
  EXPECT_THAT(Error({"trigger", "register", "--name", "x", "--schema", "id:int", "--broker-metadata", "[]"}),
              HasSubstr("must be a JSON object"));
  EXPECT_EQ(Out({"trigger", "drop", "--name", "quakes"}), "Topic 'quakes' dropped.\n");
  EXPECT_EQ(Error({"trigger", "drop", "--name", "quakes"}), "Error: topic 'quakes' not found\n");
  EXPECT_EQ(Out({"trigger", "drop", "--name", "quakes", "--if-exists"}),
            "Topic 'quakes' not found (no-op).\n");
}

TEST_F(RemoteCli, Cli042ATenantDropsItsOwnTopicAndNotTheGlobalOneOfThatName) {
  Out({"trigger", "register", "--name", "same", "--schema", "id:int"});
  Out({"trigger", "register", "--name", "same", "--schema", "id:int", "--tenant", kTenant});
  EXPECT_EQ(Out({"trigger", "drop", "--name", "same", "--tenant", kTenant}), "Topic 'same' dropped.\n");
  EXPECT_EQ(Out({"trigger", "drop", "--name", "same"}), "Topic 'same' dropped.\n");
}

// It used to say "dropped" of a global topic that stayed, and without the flag to name a UUID.
TEST_F(RemoteCli, Cli042ATenantDropsNoGlobalTopic) {
  Out({"trigger", "register", "--name", "quakes", "--schema", "id:int"});
  EXPECT_EQ(Out({"trigger", "drop", "--name", "quakes", "--tenant", kTenant, "--if-exists"}),
            "Topic 'quakes' not found (no-op).\n");
  EXPECT_EQ(json::parse(Out({"trigger", "drop", "--name", "quakes", "--tenant", kTenant, "--if-exists",
                             "--output", "json"}))["result"],
            "absent");
  EXPECT_EQ(Error({"trigger", "drop", "--name", "quakes", "--tenant", kTenant}),
            "Error: topic 'quakes' not found\n");
  EXPECT_EQ(Out({"trigger", "drop", "--name", "quakes"}), "Topic 'quakes' dropped.\n");
}

TEST_F(RemoteCli, Cli050Cli051Cli052Channels) {
  EXPECT_THAT(Out({"channels", "list"}),
              StartsWith("Name                           Priority   Columns\n"
                         "----------------------------------------------------------------------\n"
                         "vector                         1          similarity:Float32\n"));
  EXPECT_EQ(Out({"channels", "register", "--name", "rerank", "--priority", "4", "--column", "score:Float32"}),
            "Channel 'rerank' registered (priority=4).\n");
  EXPECT_EQ(Out({"channels", "add-column", "rerank", "--column", "a:Utf8", "--column", "b:Int64"}),
            "Channel 'rerank' extended with 2 column(s).\n");
  EXPECT_THAT(Out({"channels", "list"}),
              EndsWith("rerank                         4          score:Float32, a:Utf8, b:Int64\n"));
  EXPECT_EQ(Error({"channels", "register", "--name", "x", "--priority", "4"}),
            "Error: at least one --column is required\n");
  EXPECT_EQ(Error({"channels", "add-column", "rerank"}), "Error: at least one --column is required\n");
  EXPECT_THAT(Error({"channels", "add-column", "rerank", "--column", "score"}), HasSubstr("name:Type"));
  EXPECT_THAT(Error({"channels", "add-column", "rerank", "--column", ":Utf8"}),
              HasSubstr("empty column name"));
  EXPECT_THAT(Error({"channels", "add-column", "rerank", "--column", "c:utf8"}), HasSubstr("name:Type"));
  EXPECT_THAT(Error({"channels", "add-column", "nope", "--column", "c:Utf8"}), HasSubstr("not registered"));
  EXPECT_THAT(Error({"channels", "add-column", "rerank", "--column", "score:Utf8"}),
              HasSubstr("cannot redeclare as Utf8"));
  EXPECT_EQ(Jammi({"channels", "register", "--name", "x", "--priority", "high", "--column", "c:Utf8"}).exit,
            2);
}

TEST_F(RemoteCli, Cli060Cli061Cli062MutableTables) {
  Write("notes.json", R"([{"name":"note_id","type":"Int64"},{"name":"body","type":"Utf8","nullable":true}])");
  EXPECT_EQ(Out({"mutable", "list"}), "No mutable tables registered.\n");
  EXPECT_EQ(
      Out({"mutable", "create", "--name", "notes", "--schema", "notes.json", "--primary-key", "note_id",
           "--index", "name=by_body,columns=body,unique=false", "--index", "name=both,columns=note_id+body"}),
      "Mutable table 'notes' registered (primary_key=[note_id], indexes=[by_body,both]).\n");
  EXPECT_EQ(
      Out({"tables", "create", "--name", "plain", "--schema", "notes.json", "--primary-key", "note_id"}),
      "Mutable table 'plain' registered (primary_key=[note_id], indexes=[[]]).\n");
  EXPECT_EQ(Out({"mutable", "list"}),
            "Name                           Primary Key               Columns\n"
            "--------------------------------------------------------------------------------\n"
            "notes                          note_id                   note_id:Int64, body:Utf8\n"
            "plain                          note_id                   note_id:Int64, body:Utf8\n");
  EXPECT_EQ(json::parse(Out({"tables", "list", "--output", "json"}))[0]["indexes"][1],
            json({{"name", "both"}, {"columns", {"note_id", "body"}}, {"unique", false}}));
  const auto create = [&](const char* name, const char* key) {
    return Error({"mutable", "create", "--name", name, "--schema", "notes.json", "--primary-key", key});
  };
  EXPECT_THAT(create("notes", "note_id"), HasSubstr("mutable table already exists: notes"));
  EXPECT_THAT(create("other", "nope"), HasSubstr("nope"));
  EXPECT_EQ(create("other", ","), "Error: --primary-key must list at least one column\n");
  EXPECT_THAT(create("No Such Id", "note_id"), HasSubstr("a-z, 0-9 and _"));
  EXPECT_EQ(Out({"mutable", "drop", "notes"}), "Mutable table 'notes' dropped.\n");
  EXPECT_EQ(Error({"mutable", "drop", "notes"}), "Error: mutable table not found: notes\n");
  EXPECT_EQ(Out({"mutable", "drop", "notes", "--if-exists"}), "Mutable table 'notes' not found (no-op).\n");
}

class AuditCli : public RemoteCli {
 protected:
  // As an application does.
  void Log(const std::string& query_id) const {
    const RpcChannel channel = Channel();
    v1::catalog::SetTenantRequest tenant;
    tenant.mutable_tenant()->set_id(kTenant);
    ASSERT_TRUE(channel.Call<Empty>("/jammi.v1.catalog.CatalogService/SetTenant", tenant));
    v1::audit::AuditLogRequest request;
    auto& record = *request.add_records();
    record.set_query_id(query_id);
    record.set_model_id("org/model");
    record.add_top_k_result_ids("a");
    record.add_retrieval_scores(0.5F);
    ASSERT_TRUE(channel.Call<Empty>("/jammi.v1.audit.AuditService/AuditLog", request));
  }
};

TEST_F(AuditCli, Cli070AuditRecordsAreReadAndVerified) {
  const std::string id = "018f5a0e-c4c8-7e10-9c4f-000000000001";
  EXPECT_EQ(Out({"audit", "recent", "--tenant", kTenant}), "No audit records.\n");
  Log(id);
  EXPECT_EQ(Out({"audit", "recent", "--tenant", kTenant}),
            "Query ID                             Executed                    Results Model\n"
            "------------------------------------------------------------------------------------------\n"
            "<id> <time> 1       org/model\n");
  EXPECT_THAT(Out({"audit", "get", id, "--tenant", kTenant}),
              MatchesRegex("query:     <id>\ntenant:    <id>\nexecuted:  <time>\nmodel:     org/model \n"
                           "lineage:   \\{\\}\nresult:    a 0.5\nsignature: [0-9a-f]+\n"));
  EXPECT_EQ(
      json::parse(Out({"audit", "recent", "--tenant", kTenant, "--output", "json"}))[0]["top_k_result_ids"],
      (std::vector<std::string>{"a"}));
  EXPECT_EQ(Out({"audit", "verify", id, "--tenant", kTenant}), "Audit record '<id>' is as it was signed.\n");
  EXPECT_EQ(Out({"audit", "chain", "--tenant", kTenant}),
            "Audit chain is intact: 1 record(s) checked, head 1.\n");
  EXPECT_EQ(Error({"audit", "get", id, "--tenant", kOtherTenant}), "Error: audit record '<id>' not found\n");
  EXPECT_EQ(Error({"audit", "recent"}), "Error: the session has no tenant: give --tenant\n");
  EXPECT_EQ(Jammi({"audit", "recent", "--limit", "-1"}).exit, 2);
}

TEST_F(RemoteCli, Cli070ASessionKeepsItsTenant) {
  EXPECT_EQ(Out({"tenant", "get", "--session", "mine"}), "\u2014\n");
  EXPECT_EQ(Out({"tenant", "set", kTenant, "--session", "mine"}), "<id>\n");
  EXPECT_EQ(json::parse(Jammi({"tenant", "get", "--session", "mine", "--output", "json"}).out)["tenant_id"],
            kTenant);
  Out({"trigger", "register", "--name", "theirs", "--schema", "id:int", "--session", "mine"});
  EXPECT_THAT(Out({"trigger", "list", "--tenant", kTenant}), HasSubstr("theirs"));
  EXPECT_EQ(Out({"tenant", "clear", "--session", "mine"}), "\u2014\n");
  EXPECT_EQ(Out({"trigger", "list", "--session", "mine"}), "No topics registered.\n");
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"tenant", "get"}, {"tenant", "clear"}, {"tenant", "set", kTenant}})
    EXPECT_THAT(Error(command), HasSubstr("--session"));
  EXPECT_THAT(Error({"tenant", "set", "nope", "--session", "mine"}), HasSubstr("tenant id"));
}

TEST_F(RemoteCli, ATokenIsNeverShown) {
  for (const auto& run : {Run({"status", "--token", "hunter2 two", "--target", Target()}),
                          Run({"status", "--token", "hunter2", "--target", "grpc://127.0.0.1:1"}),
                          Run({"status", "--tokn", "hunter2"}), Run({"--help"}, {"JAMMI_TOKEN=hunter2"})})
    EXPECT_THAT(run.out + run.err, Not(HasSubstr("hunter2")));
}

// It used to print the version, with success, and to delete nothing.
TEST_F(RemoteCli, Cli001AVersionWithAValueIsNotTheProgramsOwn) {
  const auto run = Jammi({"models", "delete", "org/name", "--version", "1"});
  EXPECT_EQ(run.exit, 2);
  EXPECT_EQ(run.out, "");
  EXPECT_THAT(run.err, HasSubstr("did you mean --model-version?"));
  EXPECT_EQ(Jammi({"models", "delete", "--version", "1"}).exit, 2);
  EXPECT_EQ(Jammi({"trigger", "list", "--version"}).out, "jammi " JAMMI_VERSION "\n");
  EXPECT_EQ(Jammi({"--version", "trigger", "list"}).out, "jammi " JAMMI_VERSION "\n");
}

// Protobuf used to complain on the error stream, and the server of something else.
TEST_F(RemoteCli, AnArgumentThatIsNoUtf8IsWrongUsage) {
  const auto run = Run({"trigger", "drop", "--name", "qu\xe9kes"}, {"JAMMI_TARGET=grpc://127.0.0.1:1"});
  EXPECT_EQ(run.exit, 2);
  EXPECT_THAT(run.err, StartsWith("jammi trigger drop: --name is not UTF-8\n"));
  EXPECT_EQ(Jammi({"subscribe", "qu\xe9kes"}).exit, 2);
}

TEST_F(RemoteCli, Cli003Cli004ExitCodes) {
  const auto help = Run({"trigger", "register", "--help"});
  EXPECT_EQ(help.exit, 0);
  EXPECT_THAT(help.out, HasSubstr("jammi trigger register --name quakes --schema"));
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"trigger"},
                                             {"trigger", "lst"},
                                             {"trigger", "register"},
                                             {"statsu"},
                                             {"status", "--tagret", "x"}}) {
    const auto run = Jammi(wrong);
    EXPECT_EQ(run.exit, 2);
    EXPECT_EQ(run.out, "");
  }
  EXPECT_THAT(Jammi({"status", "--tagret", "x"}).err, HasSubstr("did you mean --target?"));
  EXPECT_THAT(Jammi({"subscirbe", "x"}).err, HasSubstr("did you mean subscribe?"));
}

}  // namespace
}  // namespace jammi
