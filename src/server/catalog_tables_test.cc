// CatalogService: mutable tables.
#include "server/catalog_fixture.h"

namespace jammi::test {
namespace {

class CatalogTablesTest : public CatalogTest {
 protected:
  static wire::CreateMutableTableRequest Notes(const std::string& id = "notes") {
    wire::CreateMutableTableRequest request;
    auto& definition = *request.mutable_definition();
    definition.set_id(id);
    definition.set_schema(SchemaBytes(Note()));
    definition.add_primary_key("note_id");
    return request;
  }
  static wire::DropMutableTableRequest Named(const std::string& id) {
    wire::DropMutableTableRequest request;
    request.set_mutable_table_id(id);
    return request;
  }
  static std::vector<wire::MutableTableDefinition> Definitions(const Caller& caller) {
    const auto reply =
        caller.Ask<wire::ListMutableTablesResponse>("ListMutableTables", wire::ListMutableTablesRequest());
    return {reply.definitions().begin(), reply.definitions().end()};
  }
  static std::vector<std::string> List(const Caller& caller) {
    std::vector<std::string> ids;
    for (const auto& definition : Definitions(caller)) ids.push_back(definition.id());
    return ids;
  }
  static std::string Create(const Caller& caller, const wire::CreateMutableTableRequest& request) {
    return caller.Ask<wire::CreateMutableTableResponse>("CreateMutableTable", request).mutable_table_id();
  }
  // The answer to a request that Notes() becomes by `change`.
  template <class Change>
  Answer Refused(Change change) {
    auto request = Notes();
    change(*request.mutable_definition());
    auto answer = server_.As(kA).Refused<wire::CreateMutableTableResponse>("CreateMutableTable", request);
    EXPECT_EQ(answer.code, RpcCode::kInvalidArgument);
    EXPECT_THAT(List(server_.As(kA)), IsEmpty());
    return answer;
  }
};

TEST_F(CatalogTablesTest, Case29Srv120Srv126ATableComesAndGoes) {
  const auto a = server_.As(kA);
  auto request = Notes();
  auto& definition = *request.mutable_definition();
  auto& index = *definition.add_indexes();
  index.set_name("by_body");
  index.add_columns("body");
  index.set_unique(true);
  definition.set_order_column("note_id");
  definition.set_chunk_size(17);
  definition.set_user_metadata(R"({"owner":"us"})");
  EXPECT_EQ(Create(a, request), "notes");
  ASSERT_EQ(Definitions(a).size(), 1U);
  EXPECT_EQ(Definitions(a)[0].SerializeAsString(), definition.SerializeAsString());
  EXPECT_EQ(*server_.SessionOf(kA).tables().CountRows("notes"), 0);
  a.Ask<Empty>("DropMutableTable", Named("notes"));
  EXPECT_THAT(List(a), IsEmpty());
}

TEST_F(CatalogTablesTest, Srv120WhatIsLeftOutHasADefault) {
  Create(server_.As(kA), Notes());
  const auto definition = Definitions(server_.As(kA))[0];
  EXPECT_EQ(definition.chunk_size(), 8192U);
  EXPECT_EQ(definition.user_metadata(), "{}");
  EXPECT_EQ(definition.order_column(), "");
}

TEST_F(CatalogTablesTest, Case30Case35Srv120BadDefinitionsAreRefused) {
  const auto mutable_table = [](const Answer& answer) {
    return DetailOf<JammiErrorDetail>(answer).value_or(JammiErrorDetail()).mutable_table();
  };
  auto answer = Refused([](auto& definition) { definition.set_primary_key(0, "absent"); });
  EXPECT_EQ(mutable_table(answer).missing_primary_key(), "absent");

  answer = Refused([](auto& definition) {
    definition.set_schema(SchemaBytes(
        {arrow::field("note_id", arrow::int64(), false), arrow::field("tenant_id", arrow::utf8())}));
  });
  EXPECT_THAT(answer.message, testing::AllOf(HasSubstr("reserved"), HasSubstr("tenant_id")));
  EXPECT_EQ(mutable_table(answer).reserved_column(), "tenant_id");

  answer = Refused([](auto& definition) { definition.clear_primary_key(); });
  EXPECT_TRUE(mutable_table(answer).has_schema());
  answer = Refused([](auto& definition) { definition.set_id("No"); });
  EXPECT_EQ(mutable_table(answer).invalid_id(), "No");
  answer = Refused([](auto& definition) { definition.set_id("_jammi_x"); });
  EXPECT_TRUE(mutable_table(answer).has_invalid_id());
  answer = Refused([](auto& definition) { definition.set_order_column("body"); });
  EXPECT_THAT(answer.message, HasSubstr("body"));
  answer = Refused([](auto& definition) { definition.add_indexes()->add_columns("absent"); });
  EXPECT_NE(answer.details, "");
  answer = Refused([](auto& definition) {
    definition.set_schema(SchemaBytes({arrow::field("note_id", arrow::list(arrow::int64()))}));
  });
  EXPECT_TRUE(mutable_table(answer).has_schema());
  EXPECT_THAT(answer.message, HasSubstr("note_id"));
  answer = Refused([](auto& definition) { definition.set_user_metadata("no JSON"); });
  EXPECT_THAT(answer.message, HasSubstr("user_metadata"));
}

TEST_F(CatalogTablesTest, Srv120UnreadableRequestsHaveNoDetail) {
  const auto a = server_.As(kA);
  ExpectUnreadable(
      a.Refused<wire::CreateMutableTableResponse>("CreateMutableTable", wire::CreateMutableTableRequest()),
      "definition is required");
  ExpectUnreadable(Refused([](auto& definition) { definition.clear_schema(); }), "schema is required");
  ExpectUnreadable(Refused([](auto& definition) { definition.set_schema("garbage"); }), "schema decode: ");
  ExpectUnreadable(a.Refused<Empty>("DropMutableTable", Named("")), "mutable_table_id is required");
}

TEST_F(CatalogTablesTest, Srv121ATakenIdSaysSo) {
  Create(server_.As(kA), Notes());
  const auto answer = server_.As(kA).Refused<wire::CreateMutableTableResponse>("CreateMutableTable", Notes());
  EXPECT_EQ(answer.code, RpcCode::kAlreadyExists);
  EXPECT_EQ(answer.message, "mutable table already exists: notes");
  EXPECT_EQ(DetailOf<JammiErrorDetail>(answer)->mutable_table().already_exists(), "notes");
  // And tells nobody of another's.
  EXPECT_EQ(Create(server_.As(kB), Notes()), "notes");
}

TEST_F(CatalogTablesTest, Case31Srv125AbsentForeignAndGlobalAreTheSame) {
  Create(server_.As(kB), Notes("theirs"));
  Create(server_.Unscoped(), Notes("everybodys"));
  for (const char* id : {"theirs", "everybodys", "nowhere"}) {
    const auto answer = server_.As(kA).Refused<Empty>("DropMutableTable", Named(id));
    EXPECT_EQ(answer.code, RpcCode::kNotFound);
    EXPECT_EQ(answer.message, fmt::format("mutable table not found: {}", id));
    EXPECT_EQ(DetailOf<JammiErrorDetail>(answer)->mutable_table().not_found(), id);
  }
  EXPECT_THAT(List(server_.As(kB)), ElementsAre("theirs"));
  EXPECT_THAT(List(server_.Unscoped()), ElementsAre("everybodys")) << "W-06";
}

TEST_F(CatalogTablesTest, Srv125TheSystemsTablesAreNobodysToDrop) {
  for (const char* id : {"_jammi_search_audit", "__topic_0190"}) {
    const auto answer = server_.Unscoped().Refused<Empty>("DropMutableTable", Named(id));
    EXPECT_EQ(answer.code, RpcCode::kInvalidArgument) << id;
    EXPECT_THAT(answer.message, HasSubstr("reserved"));
  }
}

TEST_F(CatalogTablesTest, Case34Srv126EveryScopeListsItsOwn) {
  Create(server_.As(kA), Notes("b"));
  Create(server_.As(kA), Notes("a"));
  Create(server_.Unscoped(), Notes("everybodys"));
  EXPECT_THAT(List(server_.As(kA)), ElementsAre("a", "b"));
  EXPECT_THAT(List(server_.As(kB)), IsEmpty());
  EXPECT_THAT(List(server_.Unscoped()), ElementsAre("everybodys"));
}

TEST_F(CatalogTablesTest, Srv012TablesAreThereAfterARestart) {
  Create(server_.As(kA), Notes());
  server_.Restart();
  EXPECT_THAT(List(server_.As(kA)), ElementsAre("notes"));
}

}  // namespace
}  // namespace jammi::test
