#include "catalog/postgres/pg_error.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <string>

#include "base/text.h"
#include "catalog/backend_error.h"

namespace jammi::postgres {
namespace {

struct Class {
  BackendFault fault;
  ErrorCode code;
};

Class Of(BackendFault fault) { return {fault, CodeOf(fault)}; }

Class Classify(std::string_view state) {
  using enum BackendFault;
  // Names of the states: appendix A of PostgreSQL's manual.
  if (state == "23505") return Of(kUnique);
  if (state == "23503" || state == "23001") return Of(kForeignKey);
  if (state.starts_with("23")) return Of(kCheck);
  if (state == "40001" || state == "40P01") return Of(kSerialization);
  if (state == "40003") return {kConnection, ErrorCode::kOutcomeUnknown};
  if (state == "08P01") return Of(kExecution);  // wrong number of parameters, for one
  if (state.starts_with("08") || state.starts_with("57P0") || state == "53300" || state == "25P03") {
    return Of(kConnection);
  }
  if (state.starts_with("28") || state == "3D000") return {kConnection, ErrorCode::kFailedPrecondition};
  if (state == "57014") return {kExecution, ErrorCode::kCancelled};
  if (state == "55P03") return Of(kBusy);
  if (state == "25006") return Of(kReadOnly);
  if (state == "53100") return Of(kFull);
  if (state.starts_with("53")) return {kExecution, ErrorCode::kResourceExhausted};
  if (state.starts_with("54")) return {kExecution, ErrorCode::kInvalidArgument};
  if (state.starts_with("22")) return {kExecution, ErrorCode::kInvalidArgument};
  if (state == "42501") return {kExecution, ErrorCode::kFailedPrecondition};
  if (state == "XX001" || state == "XX002") return Of(kCorrupt);
  if (state.starts_with("58")) return Of(kIo);
  return Of(kExecution);
}

std::string_view Field(const PGresult* result, int field) {
  const char* text = PQresultErrorField(result, field);
  return text == nullptr ? std::string_view() : std::string_view(text);
}

// "models", "models_name_key on models", "models.task"
std::string ObjectOf(const PGresult* result) {
  const std::string_view table = Field(result, PG_DIAG_TABLE_NAME);
  const std::string_view column = Field(result, PG_DIAG_COLUMN_NAME);
  const std::string_view constraint = Field(result, PG_DIAG_CONSTRAINT_NAME);
  if (!constraint.empty()) return fmt::format("{} on {}", constraint, table);
  if (!column.empty()) return fmt::format("{}.{}", table, column);
  return std::string(table);
}

// A message of libpq, in verbose form, about a connection: "... failed: FATAL:  28P01: password
// authentication failed for user \"x\"\nLOCATION: ...". The state is nowhere else.
std::string_view StateIn(std::string_view message) {
  const auto is_state = [](std::string_view text) {
    for (const char c : text) {
      if ((c < '0' || c > '9') && (c < 'A' || c > 'Z')) return false;
    }
    return true;
  };
  for (size_t at = message.find(":  "); at != std::string_view::npos; at = message.find(":  ", at + 1)) {
    const std::string_view rest = message.substr(at + 3);
    if (rest.size() > 6 && rest[5] == ':' && is_state(rest.substr(0, 5))) return rest.substr(0, 5);
  }
  return {};
}

// Without the place in the server's source, and without line breaks.
std::string OneLine(std::string_view message) {
  message = Trim(message.substr(0, message.find("LOCATION:")));
  std::string text;
  for (const char c : message) {
    const bool space = c == '\n' || c == '\t' || c == ' ';
    if (!space || !text.ends_with(' ')) text += space ? ' ' : c;
  }
  return text;
}

}  // namespace

Error FromResult(const PGresult* result) {
  const std::string_view state = Field(result, PG_DIAG_SQLSTATE);
  if (state.empty()) return ConnectionLost(OneLine(PQresultErrorMessage(result)));
  const Class found = Classify(state);
  // Without the server's DETAIL: it quotes the row's values, which are nobody's business.
  return Error(found.code, fmt::format("{} ({})", Field(result, PG_DIAG_MESSAGE_PRIMARY), state),
               BackendDetail{found.fault, ObjectOf(result), std::string(state)});
}

Error FromConnection(const PGconn* connection, std::string_view doing) {
  const std::string_view message = PQerrorMessage(connection);
  const std::string_view state = StateIn(message);
  Class found = state.empty() ? Of(BackendFault::kConnection) : Classify(state);
  // Nothing was asked of the server yet: what it has no state for ("could not write init file" of a full
  // disk is XX000) is no mistake of ours.
  if (found.code == ErrorCode::kInternal) found = Of(BackendFault::kConnection);
  return Error(found.code, fmt::format("{}: {}", doing, OneLine(message)),
               BackendDetail{found.fault, {}, std::string(state)});
}

Error ConnectionLost(std::string_view why) {
  return Error(ErrorCode::kUnavailable,
               fmt::format("the connection to PostgreSQL was lost: {}", OneLine(why)),
               BackendDetail{BackendFault::kConnection, {}, {}});
}

bool EndsConnection(const PGresult* result) {
  const std::string_view severity = Field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  return severity == "FATAL" || severity == "PANIC" || Field(result, PG_DIAG_SQLSTATE).empty();
}

bool IsStale(const Error& error) {
  // A pooler in between gave us another session; a table was altered under a plan.
  return HasNativeCode(error, "26000") || HasNativeCode(error, "0A000");
}

bool MayRerun(const Error& error) {
  const auto* detail = error.As<BackendDetail>();
  if (detail == nullptr) return false;
  if (detail->fault == BackendFault::kSerialization) return true;
  return error.code() == ErrorCode::kUnavailable &&
         (detail->fault == BackendFault::kConnection || detail->fault == BackendFault::kReadOnly);
}

}  // namespace jammi::postgres
