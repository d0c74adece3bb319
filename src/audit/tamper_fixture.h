// Writes into the tables of the audit log below it, and looks what is found.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "audit/audit_fixture.h"

namespace jammi::test {

// A finding: its kind and number.
using Pair = std::pair<std::string, int64_t>;

class AuditChainTest : public AuditTest {
 protected:
  // A column of one record, as text: bytes as hexadecimal.
  std::string Get(const std::string& column, int64_t seq) {
    const bool blob = column == "chain";
    const bool number = column == "executed_at" || column == "scheme" || column == "seq";
    return Ok(*Ok(backend().Transact({}, [&](Transaction& tx) {
      return tx.QueryFirst(
          fmt::format("SELECT {} AS v FROM search_audit WHERE scope = $1 AND seq = $2", column),
          {kA.Key(), seq}, [&](const Row& row) -> Result<Result<std::string>> {
            if (blob) {
              JAMMI_ASSIGN(const auto bytes, row.Get<SqlBytes>("v"));
              return Result<std::string>(std::string(bytes.begin(), bytes.end()));
            }
            if (number) {
              JAMMI_ASSIGN(const auto value, row.Get<int64_t>("v"));
              return Result<std::string>(std::to_string(value));
            }
            return Result<std::string>(row.Get<std::string>("v"));
          });
    })));
  }
  void Set(const std::string& column, int64_t seq, const SqlValue& value) {
    EXPECT_EQ(Sql(fmt::format("UPDATE search_audit SET {} = $3 WHERE scope = $1 AND seq = $2", column),
                  {kA.Key(), seq, value}),
              1);
  }
  std::vector<Pair> Findings(const AuditRange& range = {}) { return Found(Ok(A().VerifyChain(range))); }
  static SqlBytes Bytes(const std::string& text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
  }
};

class AuditExportTest : public AuditChainTest {
 protected:
  std::vector<std::string> Exported(const AuditRange& range = {}) {
    std::vector<std::string> lines;
    Ok(A().Export(
        [&](std::string_view line) {
          lines.emplace_back(line);
          return Result<void>();
        },
        range));
    return lines;
  }
  // With the keys and nothing else.
  Result<ChainReport> VerifyLines(const std::vector<std::string>& lines, const std::string& tenant = {}) {
    AuditExportVerifier verifier(Ok(keys_->Keys()), tenant);
    for (const auto& line : lines) JAMMI_TRY(verifier.Add(line));
    return verifier.Finish();
  }
};

}  // namespace jammi::test
