#include "predicate/instance.h"

#include <algorithm>
#include <mutex>

#include "duckdb.hpp"
#include "duckdb/common/error_data.hpp"
#include "duckdb/main/client_context.hpp"

namespace jammi::predicate {
namespace {

struct Configuration : duckdb::DBConfig {
  Configuration() {
    SetOptionByName("threads", duckdb::Value::BIGINT(1));
    SetOptionByName("temp_directory", duckdb::Value(""));
    SetOptionByName("enable_external_access", duckdb::Value::BOOLEAN(false));
    SetOptionByName("autoload_known_extensions", duckdb::Value::BOOLEAN(false));
    SetOptionByName("autoinstall_known_extensions", duckdb::Value::BOOLEAN(false));
  }
};

struct Instance {
  Configuration configuration;
  duckdb::DuckDB database;
  duckdb::Connection execute;
  duckdb::Connection bind;
  std::mutex bind_mutex;

  Instance() : database(nullptr, &configuration), execute(database), bind(database) {
    // The machine's zone must not change what a predicate means.
    Run("SET GLOBAL TimeZone = 'UTC'");
    Run("SET GLOBAL Calendar = 'gregorian'");
    Run("SET GLOBAL lock_configuration = true");
  }

  void Run(const char* sql) {
    const auto result = bind.Query(sql);
    if (result->HasError()) result->ThrowError();
  }
};

// Never destroyed: a predicate in a static object, or a thread that outlives main(), may still use it.
Instance& TheInstance() {
  static auto* const instance = new Instance;
  return *instance;
}

}  // namespace

duckdb::ClientContext& ExecutionContext() { return *TheInstance().execute.context; }

void WithBindContext(const std::function<void(duckdb::ClientContext&)>& body) {
  Instance& instance = TheInstance();
  const std::lock_guard lock(instance.bind_mutex);
  duckdb::ClientContext& context = *instance.bind.context;
  context.RunFunctionInTransaction([&] { body(context); });
}

std::string Reason(const std::exception& error) {
  std::string message = duckdb::ErrorData(error).RawMessage();
  message.resize(std::min(message.find('\n'), message.size()));
  return message;
}

std::optional<Error> FaultOfOurs(const std::exception& error) {
  switch (duckdb::ErrorData(error).Type()) {
    case duckdb::ExceptionType::OUT_OF_MEMORY:
      return Error(ErrorCode::kResourceExhausted, "no memory for a predicate: " + Reason(error));
    case duckdb::ExceptionType::INTERNAL:
    case duckdb::ExceptionType::FATAL:
    case duckdb::ExceptionType::TRANSACTION:
      return Error(ErrorCode::kInternal, "a predicate met a fault of DuckDB: " + Reason(error));
    default:
      return std::nullopt;
  }
}

}  // namespace jammi::predicate
