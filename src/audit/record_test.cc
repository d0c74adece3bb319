// Records: their bytes and signatures. The vectors are those of the published specification.
#include <gmock/gmock.h>

#include <cmath>
#include <functional>

#include "audit/chain.h"
#include "audit/hmac.h"
#include "audit/record_test_support.h"
#include "base/time_text.h"

namespace jammi {
namespace {

using test::FaultOf;
using test::Key;
using test::kKeyCounting;
using test::kKeyOne;
using test::kTenantA;
using test::Ok;
using test::Ring;
using testing::HasSubstr;

UnixMicros Time(std::string_view text) { return ParseTime(text).value(); }

struct Vector {
  AuditRecord record;
  std::string key;
  std::string bytes;  // hexadecimal
  std::string prk;
  std::string secret;
  std::string signature;
};

AuditRecord MakeRecord(std::string_view query, std::string_view tenant, std::string model,
                       std::string version, std::string lineage, std::vector<std::string> ids,
                       std::vector<float> scores, std::string_view time) {
  AuditRecord record = Ok(MakeAuditRecord({.query_id = *Uuid::Parse(query),
                                           .model_id = std::move(model),
                                           .model_version = std::move(version),
                                           .query_lineage = std::move(lineage),
                                           .top_k_result_ids = std::move(ids),
                                           .retrieval_scores = std::move(scores)},
                                          Time(time)));
  record.tenant_id = tenant;
  return record;
}

AuditRecord RecordV2() {
  return MakeRecord("0190b6f0-1111-7222-8333-444455556666", kTenantA, "patentclip/PatentCLIP_Vit_B",
                    "3aa649a",
                    R"({"image_hashes":["sha256:abc"],"examiner_id":"42","lasso_bbox":[120,80,480,360]})",
                    {"doc-1", "doc-2"}, {0.92F, 0.88F}, "2026-08-05T12:00:00Z");
}

constexpr std::string_view kV2Bytes =
    "7b2271756572795f6964223a2230313930623666302d313131312d373232322d383333332d34343434353535353636363622"
    "2c2274656e616e745f6964223a2230313930366338332d643463382d376531302d396334662d336236663763356138653961"
    "222c226d6f64656c5f6964223a22706174656e74636c69702f506174656e74434c49505f5669745f42222c226d6f64656c5f"
    "76657273696f6e223a2233616136343961222c2271756572795f6c696e65616765223a7b226578616d696e65725f6964223a"
    "223432222c22696d6167655f686173686573223a5b227368613235363a616263225d2c226c6173736f5f62626f78223a5b31"
    "32302c38302c3438302c3336305d7d2c22746f705f6b5f726573756c745f696473223a5b22646f632d31222c22646f632d32"
    "225d2c2272657472696576616c5f73636f726573223a5b302e393230303030303136363839333030352c302e383739393939"
    "393935323331363238345d2c2265786563757465645f6174223a22323032362d30382d30355431323a30303a30305a227d";

Vector V1() {
  return {
      MakeRecord("00000000-0000-0000-0000-000000000000", kTenantA, "m", "v", "{}", {}, {},
                 "2026-01-02T03:04:05Z"),
      std::string(kKeyOne),
      "7b2271756572795f6964223a2230303030303030302d303030302d303030302d303030302d30303030303030303030303022"
      "2c2274656e616e745f6964223a2230313930366338332d643463382d376531302d396334662d336236663763356138653961"
      "222c226d6f64656c5f6964223a226d222c226d6f64656c5f76657273696f6e223a2276222c2271756572795f6c696e656167"
      "65223a7b7d2c22746f705f6b5f726573756c745f696473223a5b5d2c2272657472696576616c5f73636f726573223a5b5d2c"
      "2265786563757465645f6174223a22323032362d30312d30325430333a30343a30355a227d",
      "d98bbdae0efeab98afd6ffa3bb495085a36f2362838f5c1e7df8d7b7e672aa2e",
      "53cafb69c1aa58a8b2f98fd238ff0f303c0c4a27a7d7034c83e00f61f1b44f8d",
      "2fcd20f6ace76107b3bd5a3f6cace7d899ecc5cd5521f29b358ab9d905dbea37"};
}
Vector V2() {
  return {RecordV2(),
          std::string(kKeyOne),
          std::string(kV2Bytes),
          "",
          "53cafb69c1aa58a8b2f98fd238ff0f303c0c4a27a7d7034c83e00f61f1b44f8d",
          "0271a1a014f2a534983168eedcaaac29a0c57549ce25acc4c1f89ab285317c7d"};
}
Vector V3() {
  Vector vector = V2();
  vector.record.tenant_id = "018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e9b";
  const auto hex = [](std::string_view text) { return ToHex(audit::BytesOf(text)); };
  const std::string before = hex(kTenantA);
  vector.bytes.replace(vector.bytes.find(before), before.size(), hex(*vector.record.tenant_id));
  vector.prk = "274d12741cdfe71d5b0020637e0443cb10ab7dd67384719084b90ab4f46b363d";
  vector.secret = "ac36622826171807430fbb444016b75f227cea59a66c0e94d5ac84c48bef4d35";
  vector.signature = "413497ade3a63b85a36267107cef006bbbde116ae63e5c219678687fdcf4494e";
  return vector;
}
Vector V4() {
  return {
      MakeRecord("ffffffff-ffff-4fff-bfff-ffffffffffff", "018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e9a", "a/b\"c\\d",
                 "line1\nline2\t\x01\x7f",
                 "{\"z\":{\"b\":null,\"a\":true},\"Z\":-1,\"\u00e9\":\"caf\u00e9/\u2603\","
                 "\"a\":[1,2.0,0.1,1e-5,1e-6,1e15,1e16,-0.0,18446744073709551615]}",
                 {"\u65e5\u672c", "x"}, {1.0F, -0.0F}, "1999-12-31T23:59:59Z"),
      std::string(kKeyCounting),
      "7b2271756572795f6964223a2266666666666666662d666666662d346666662d626666662d66666666666666666666666622"
      "2c2274656e616e745f6964223a2230313866356130652d633463382d376531302d396334662d336236663763356138653961"
      "222c226d6f64656c5f6964223a22612f625c22635c5c64222c226d6f64656c5f76657273696f6e223a226c696e65315c6e6c"
      "696e65325c745c75303030317f222c2271756572795f6c696e65616765223a7b225a223a2d312c2261223a5b312c322e302c"
      "302e312c302e30303030312c31652d362c313030303030303030303030303030302e302c31652b31362c2d302e302c313834"
      "34363734343037333730393535313631355d2c227a223a7b2261223a747275652c2262223a6e756c6c7d2c22c3a9223a2263"
      "6166c3a92fe29883227d2c22746f705f6b5f726573756c745f696473223a5b22e697a5e69cac222c2278225d2c2272657472"
      "696576616c5f73636f726573223a5b312e302c2d302e305d2c2265786563757465645f6174223a22313939392d31322d3331"
      "5432333a35393a35395a227d",
      "44798bbc861ad1ffe853bcb5e1e6057571eb3189f79080979ef81d31dc9e2239",
      "8e4a7dc17047c1a4ab0c249a807c7c1067b9b7d9a59bae880c22852f524d84f3",
      "392027d247f57e1237a0f803013cf0cd69031bd979443dd02e456b7e49956b85"};
}

// --- The frozen vectors

TEST(AuditVectors, Srv190Aud004CanonicalBytesKeysAndSignatures) {
  for (const Vector& vector : {V1(), V2(), V3(), V4()}) {
    SCOPED_TRACE(vector.signature);
    const auto bytes = Ok(CanonicalBytes(vector.record, AuditScheme::kReference));
    EXPECT_EQ(ToHex(audit::BytesOf(bytes)), vector.bytes);
    const AuditMasterKey key = Key(vector.key);
    if (!vector.prk.empty()) {
      auto extract = Ok(audit::Hmac::Make(audit::BytesOf(*vector.record.tenant_id)));
      EXPECT_EQ(ToHex(Ok(extract.Of({key.bytes().bytes()}))), vector.prk);
    }
    const auto secret =
        Ok(audit::DeriveTenantKey(key.bytes(), *vector.record.tenant_id, audit::kSigningInfo));
    EXPECT_EQ(ToHex(secret.bytes()), vector.secret);
    AuditRecord record = vector.record;
    Ok(SignAuditRecord(record, key, AuditScheme::kReference));
    EXPECT_EQ(record.signature, vector.signature);
  }
}

TEST(AuditVectors, WhatClientsPresentVerifiesWithoutSchemeAndKey) {
  const auto ring = Ring({kKeyCounting, kKeyOne});
  AuditRecord record = RecordV2();
  record.signature = V2().signature;
  EXPECT_TRUE(Ok(VerifyAuditRecordFor(record, kTenantA, *ring)));
  EXPECT_FALSE(Ok(VerifyAuditRecordFor(record, *V3().record.tenant_id, *ring)));
  record.executed_at += 999'000;
  EXPECT_TRUE(Ok(VerifyAuditRecordFor(record, kTenantA, *ring))) << "whole seconds are signed there";
  record.executed_at += 1000;
  EXPECT_FALSE(Ok(VerifyAuditRecordFor(record, kTenantA, *ring)));
}

// Ours: frozen from here on. The parts that both schemes share are the same bytes.
TEST(AuditVectors, OurSchemeSignsItsNameTheKeyAndMicroseconds) {
  AuditRecord record = RecordV2();
  record.executed_at += 7;
  const std::string theirs = Ok(CanonicalBytes(record, AuditScheme::kReference));
  const std::string ours = Ok(CanonicalBytes(record, AuditScheme::kJammi, "0123456789abcdef"));
  const size_t shared = theirs.find(R"("executed_at")");
  EXPECT_EQ(ours, R"({"scheme":"jammi-audit-2","key_id":"0123456789abcdef",)" + theirs.substr(1, shared - 1) +
                      R"("executed_at":"2026-08-05T12:00:00.000007Z"})");
  Ok(SignAuditRecord(record, Key()));
  EXPECT_EQ(record.scheme, AuditScheme::kJammi);
  EXPECT_EQ(record.key_id, "633e691617aecaaa");
  EXPECT_EQ(record.signature, "bde7a8ec4a0d50640c802e610444b9f1c61d0d97c84bda0afe198a0674747f4b");
}

// Frozen likewise. Computed from docs/formats.md with another implementation.
TEST(AuditVectors, TheDigestOfARecordAndItsLinks) {
  AuditRecord record = RecordV2();
  record.executed_at += 7;
  Ok(SignAuditRecord(record, Key()));
  const auto digest = audit::DigestOf(Ok(audit::ToStored(record)));
  EXPECT_EQ(ToHex(digest), "58c39a9d7e739c04816c7b4b61bae7c9cd1f8664443580555dd353447449d20f");
  const auto keys = Ok(audit::DeriveTenantKeys(Key(), kTenantA));
  const auto first = Ok(audit::Link(keys->chain, Sha256Digest{}, 1, digest));
  EXPECT_EQ(ToHex(first), "b08445cc859be59521fb61b1d448d978cf1886ed7413682484b4abb79540da6e");
  EXPECT_EQ(ToHex(Ok(audit::Link(keys->chain, first, 258, digest))),
            "c060d9725bd8f991017f3f325411b34dabfe9d651013fb396c8e626eeee23f72");
}

// --- Rules of records

TEST(AuditRecords, Aud001UnequalCountsAndBothEmpty) {
  const auto refused = MakeAuditRecord({.top_k_result_ids = {"a"}, .retrieval_scores = {0.1F, 0.2F}}, 0);
  EXPECT_EQ(FaultOf(refused), AuditFault::kLengthMismatch);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused.error().As<AuditDetail>()->actual, 1U);
  EXPECT_EQ(refused.error().As<AuditDetail>()->expected, 2U);
  Ok(MakeAuditRecord({}, 0));
}

TEST(AuditRecords, Aud002ANewRecordIsUnsigned) {
  const auto record = Ok(MakeAuditRecord({}, 42));
  EXPECT_FALSE(record.tenant_id);
  EXPECT_EQ(record.signature, "");
  EXPECT_EQ(record.executed_at, 42);
}

TEST(AuditRecords, Aud003Aud006Aud035NothingWithoutATenant) {
  AuditRecord record = RecordV2();
  record.tenant_id.reset();
  EXPECT_EQ(FaultOf(CanonicalBytes(record, AuditScheme::kReference)), AuditFault::kNoTenantBinding);
  EXPECT_EQ(FaultOf(SignAuditRecord(record, Key())), AuditFault::kNoTenantBinding);
  EXPECT_EQ(FaultOf(VerifyAuditRecord(record, *Ring({kKeyOne}))), AuditFault::kNoTenantBinding);
  EXPECT_EQ(FaultOf(VerifyAuditRecordFor(record, kTenantA, *Ring({kKeyOne}))), AuditFault::kNoTenantBinding);
}

TEST(AuditRecords, Aud004TheOrderOfMembersDoesNotMatter) {
  AuditRecord one = RecordV2();
  AuditRecord other = RecordV2();
  one.query_lineage = R"({"examiner_id":"42","image_hashes":["a"],"n":{"x":[1,{"b":2,"a":1}],"w":0}})";
  other.query_lineage = R"( {"n":{"w":0,"x":[1,{"a":1,"b":2}]}, "image_hashes":["a"],"examiner_id":"42"})";
  const auto bytes = Ok(CanonicalBytes(one, AuditScheme::kReference));
  EXPECT_EQ(bytes, Ok(CanonicalBytes(other, AuditScheme::kReference)));
  EXPECT_EQ(bytes, Ok(CanonicalBytes(one, AuditScheme::kReference)));
}

TEST(AuditRecords, Aud005Aud030Aud034AnyChangeIsSeen) {
  const auto ring = Ring({kKeyOne});
  for (const AuditScheme scheme : {AuditScheme::kReference, AuditScheme::kJammi}) {
    AuditRecord good = RecordV2();
    Ok(SignAuditRecord(good, Key(), scheme));
    Ok(VerifyAuditRecord(good, *ring));
    const std::vector<std::function<void(AuditRecord&)>> changes = {
        [](auto& r) { r.query_id.bytes[15] ^= 1; },
        [](auto& r) { r.tenant_id = *V3().record.tenant_id; },
        [](auto& r) { r.model_id += "x"; },
        [](auto& r) { r.model_version = ""; },
        [](auto& r) { r.query_lineage = "{}"; },
        [](auto& r) { r.top_k_result_ids[1] = "doc-3"; },
        [](auto& r) { std::swap(r.top_k_result_ids[0], r.top_k_result_ids[1]); },
        [](auto& r) { r.retrieval_scores[0] = std::nextafter(r.retrieval_scores[0], 1.0F); },
        [](auto& r) { r.executed_at += 1'000'000; },
        [](auto& r) { r.signature[0] = r.signature[0] == '0' ? '1' : '0'; },
        [](auto& r) { r.signature.pop_back(); },
        [](auto& r) {
          for (char& c : r.signature) c = static_cast<char>(std::toupper(c));
        },
    };
    for (size_t i = 0; i < changes.size(); ++i) {
      AuditRecord bad = good;
      changes[i](bad);
      const auto verified = VerifyAuditRecord(bad, *ring);
      ASSERT_FALSE(verified) << i;
      EXPECT_EQ(FaultOf(verified), AuditFault::kSignatureMismatch) << i;
      EXPECT_EQ(verified.error().code(), ErrorCode::kDataLoss);
      EXPECT_EQ(verified.error().As<AuditDetail>()->query_id, bad.query_id.ToString());
    }
    EXPECT_FALSE(Ok(VerifyAuditRecordFor(good, *V3().record.tenant_id, *ring)));
  }
  AuditRecord micros = RecordV2();
  Ok(SignAuditRecord(micros, Key()));
  micros.executed_at += 1;
  EXPECT_FALSE(VerifyAuditRecord(micros, *ring));
  micros.scheme.reset();
  EXPECT_FALSE(VerifyAuditRecord(micros, *ring)) << "nor by the other scheme";
}

TEST(AuditRecords, Aud031ARecordOfAnyTenantTextVerifies) {
  AuditRecord record = RecordV2();
  record.tenant_id = "tenant-a";
  Ok(SignAuditRecord(record, Key()));
  const std::string signature = record.signature;
  Ok(VerifyAuditRecord(record, *Ring({kKeyOne})));
  Ok(SignAuditRecord(record, Key()));
  EXPECT_EQ(record.signature, signature);
  record.tenant_id = "tenant-b";
  Ok(SignAuditRecord(record, Key()));
  EXPECT_NE(record.signature, signature);
}

// What a verifier keeps for one tenant, key or record does not answer for another.
TEST(AuditRecords, AVerifierOfManyRecordsAnswersAsForOne) {
  const AuditVerifier verifier(Ring({kKeyCounting, kKeyOne}));
  for (int turn = 0; turn < 2; ++turn) {
    for (const std::string_view tenant : {"tenant-a", "tenant-b"}) {
      for (const auto key : {kKeyOne, kKeyCounting}) {
        AuditRecord record = RecordV2();
        record.tenant_id = tenant;
        Ok(SignAuditRecord(record, Key(key)));
        Ok(verifier.Verify(record));
        EXPECT_TRUE(Ok(verifier.VerifyFor(record, tenant)));
        EXPECT_FALSE(Ok(verifier.VerifyFor(record, tenant == "tenant-a" ? "tenant-b" : "tenant-a")));
        record.scheme = AuditScheme::kReference;
        EXPECT_EQ(FaultOf(verifier.Verify(record)), AuditFault::kSignatureMismatch)
            << "it names another scheme";
        record.scheme = AuditScheme::kJammi;
        record.key_id = Key(key == kKeyOne ? kKeyCounting : kKeyOne).id();
        EXPECT_EQ(FaultOf(verifier.Verify(record)), AuditFault::kSignatureMismatch) << "or key";
        record.key_id = "0000000000000000";
        EXPECT_EQ(FaultOf(verifier.Verify(record)), AuditFault::kMasterKey);
      }
    }
  }
  EXPECT_EQ(FaultOf(verifier.Verify({})), AuditFault::kNoTenantBinding);
}

// The lineage's text is not parsed where it is what was signed.
TEST(AuditRecords, Aud004ALineageVerifiesInAnyFormAndOnlyAlone) {
  const auto ring = Ring({kKeyOne});
  AuditRecord record = RecordV2();
  Ok(SignAuditRecord(record, Key()));
  EXPECT_TRUE(Ok(VerifyAuditRecordFor(record, kTenantA, *ring))) << "members in another order";
  record.query_lineage =
      R"({"examiner_id":"42","image_hashes":["sha256:abc"],"lasso_bbox":[120,80,480,360]})";
  EXPECT_TRUE(Ok(VerifyAuditRecordFor(record, kTenantA, *ring))) << "as it is signed";
  const std::string canonical = record.query_lineage;
  record.query_lineage = canonical + R"(,"top_k_result_ids":["doc-1","doc-2"])";
  record.top_k_result_ids.clear();
  record.retrieval_scores.clear();
  EXPECT_FALSE(VerifyAuditRecordFor(record, kTenantA, *ring)) << "with the member that follows it";
  record.query_lineage = canonical.substr(0, canonical.size() - 1);
  EXPECT_FALSE(VerifyAuditRecordFor(record, kTenantA, *ring));
}

TEST(AuditRecords, Aud007SecretsAreTheTenants) {
  const auto derive = [](std::string_view tenant, std::string_view info) {
    return ToHex(Ok(audit::DeriveTenantKey(Key().bytes(), tenant, info)).bytes());
  };
  EXPECT_NE(derive("tenant-a", audit::kSigningInfo), derive("tenant-b", audit::kSigningInfo));
  EXPECT_EQ(derive("tenant-a", audit::kSigningInfo), derive("tenant-a", audit::kSigningInfo));
  EXPECT_NE(derive("tenant-a", audit::kSigningInfo), derive("tenant-a", audit::kChainInfo));
}

TEST(AuditRecords, WhatNoDatabaseOrJsonCanHoldIsRefused) {
  const auto refused = [](AuditedQuery query, std::string_view named) {
    query.top_k_result_ids.resize(query.retrieval_scores.size());
    const auto record = MakeAuditRecord(std::move(query), 0);
    ASSERT_FALSE(record) << named;
    EXPECT_EQ(record.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(record.error().message(), HasSubstr(named));
  };
  for (const float score : {NAN, INFINITY, -INFINITY}) {
    refused({.retrieval_scores = {1, score}}, "retrieval_scores [1] is not a finite number");
  }
  refused({.model_id = "\xff"}, "model_id");
  refused({.model_id = std::string("a\0b", 3)}, "U+0000");
  refused({.model_version = std::string(65'537, 'x')}, "model_version");
  for (const char* bad :
       {"{", "nul", "[1,]", "{\"a\":1}x", "01", "\"\xff\"", "1e999", "{'a':1}", "\"\\ud800\""}) {
    refused({.query_lineage = bad}, "query_lineage is not JSON");
  }
  refused({.query_lineage = std::string(200, '[') + std::string(200, ']')}, "nested deeper than 128");
  EXPECT_FALSE(MakeAuditRecord({}, std::numeric_limits<UnixMicros>::max()));
}

TEST(AuditRecords, AnyJsonIsALineage) {
  for (const char* json : {"null", "true", "1", "-1.5", "\"x\"", "[]", "{}", "", "[[],{}]"}) {
    Ok(MakeAuditRecord({.query_lineage = json}, 0));
  }
}

TEST(AuditJson, ARecordIsReadBackWhole) {
  for (AuditRecord record : {V1().record, RecordV2(), V4().record}) {
    record.executed_at += 123'456;
    Ok(SignAuditRecord(record, Key()));
    auto read = Ok(ParseAuditRecord(Ok(ToJson(record))));
    EXPECT_TRUE(Ok(VerifyAuditRecordFor(read, *record.tenant_id, *Ring({kKeyOne}))));
    EXPECT_EQ(Ok(ToJson(read)), Ok(ToJson(record)));
  }
  AuditRecord record = RecordV2();
  EXPECT_EQ(
      Ok(ToJson(record)),
      R"({"query_id":"0190b6f0-1111-7222-8333-444455556666","tenant_id":"01906c83-d4c8-7e10-9c4f-3b6f7c5a8e9a",)"
      R"("model_id":"patentclip/PatentCLIP_Vit_B","model_version":"3aa649a","query_lineage":{"examiner_id":"42",)"
      R"("image_hashes":["sha256:abc"],"lasso_bbox":[120,80,480,360]},"top_k_result_ids":["doc-1","doc-2"],)"
      R"("retrieval_scores":[0.92,0.88],"executed_at":"2026-08-05T12:00:00Z"})");
  record.tenant_id.reset();
  EXPECT_FALSE(Ok(ParseAuditRecord(Ok(ToJson(record)))).tenant_id);
}

TEST(AuditJson, WhatIsNoRecordIsRefusedByName) {
  const std::string good = Ok(ToJson(RecordV2()));
  const auto with = [&](const std::string& what, const std::string& other) {
    std::string json = good;
    json.replace(json.find(what), what.size(), other);
    return json;
  };
  const std::pair<std::string, const char*> cases[] = {
      {"", "not JSON"},
      {"[]", "record"},
      {"{}", "query_id is missing"},
      {good + "x", "not JSON"},
      {with("\"model_id\":\"patentclip/PatentCLIP_Vit_B\"", "\"model_id\":1"), "model_id"},
      {with("\"model_id\":\"patentclip/PatentCLIP_Vit_B\"", "\"model_id\":[\"x\"]"), "model_id"},
      {with("[0.92,0.88]", "[0.92,\"x\"]"), "retrieval_scores"},
      {with("[0.92,0.88]", "[[0.92],0.88]"), "retrieval_scores"},
      {with("[0.92,0.88]", "[1e99]"), "retrieval_scores"},
      {with("[\"doc-1\",\"doc-2\"]", "[1]"), "top_k_result_ids"},
      {with("[\"doc-1\",\"doc-2\"]", "{\"a\":1}"), "top_k_result_ids"},
      {with("0190b6f0", "0190b6fx"), "query_id is no UUID"},
      {with("12:00:00Z", "12:00:99Z"), "executed_at is no time"},
      {with("\"model_version\"", "\"model_id\""), "model_id is there twice"},
      {with("\"model_version\"", "\"other\""), "model_version is missing"},
  };
  for (const auto& [json, named] : cases) {
    const auto parsed = ParseAuditRecord(json);
    ASSERT_FALSE(parsed) << json;
    EXPECT_EQ(parsed.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(parsed.error().message(), HasSubstr(named)) << json;
  }
  Ok(ParseAuditRecord(with("\"query_id\"", "\"more\":{\"a\":[1,{}]},\"query_id\"")));
}

TEST(AuditRecords, SeveralVerifyAndTheNewestSigns) {
  AuditRecord old = RecordV2();
  Ok(SignAuditRecord(old, Key(kKeyOne)));
  const auto rotated = Ring({kKeyOne, kKeyCounting});
  Ok(VerifyAuditRecord(old, *rotated));
  AuditRecord fresh = RecordV2();
  Ok(SignAuditRecord(fresh, rotated->signing()));
  EXPECT_NE(fresh.key_id, old.key_id);
  Ok(VerifyAuditRecord(fresh, *rotated));
  EXPECT_EQ(FaultOf(VerifyAuditRecord(old, *Ring({kKeyCounting}))), AuditFault::kMasterKey);
  old.key_id = fresh.key_id;
  EXPECT_EQ(FaultOf(VerifyAuditRecord(old, *rotated)), AuditFault::kSignatureMismatch);
}

}  // namespace
}  // namespace jammi
