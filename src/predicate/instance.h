// The DuckDB instance that predicates are bound and run by: one a process, locked down, without tables.
#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <string>

#include "jammi/result.h"

namespace duckdb {
class ClientContext;
}

namespace jammi::predicate {

// For executors. They only read it, so any number of threads may run at once; it lives as long as the
// process. Throws what DuckDB throws when the instance cannot be made.
[[nodiscard]] duckdb::ClientContext& ExecutionContext();

// Runs `body` in a transaction on the context that binds, one body at a time. Throws what `body` throws.
void WithBindContext(const std::function<void(duckdb::ClientContext&)>& body);

// DuckDB's reason alone: the first line of what it threw, without its kind, candidates and hints.
[[nodiscard]] std::string Reason(const std::exception& error);

// What DuckDB threw, where neither the text nor the data of a predicate is at fault: memory, or a bug.
// nullopt: they are.
[[nodiscard]] std::optional<Error> FaultOfOurs(const std::exception& error);

}  // namespace jammi::predicate
