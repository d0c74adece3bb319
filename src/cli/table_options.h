// What `jammi mutable create` is given, read from text (CLI-060).
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/result.h"

namespace jammi {

// A file that holds a JSON array of {"name", "type", "nullable"}; `nullable` is false unless it is given.
// Errors: kNotFound, kUnavailable: the file; kInvalidArgument: what is in it.
[[nodiscard]] Result<std::shared_ptr<arrow::Schema>> ReadTableSchema(const std::string& path);
[[nodiscard]] Result<std::shared_ptr<arrow::Schema>> ParseTableSchema(std::string_view json);

// "a,b". Errors: kInvalidArgument.
[[nodiscard]] Result<std::vector<std::string>> ParsePrimaryKey(std::string_view text);

struct IndexOption {
  std::string name;
  std::vector<std::string> columns;
  bool unique = false;
};
// "name=n,columns=a+b,unique=true". Errors: kInvalidArgument.
[[nodiscard]] Result<IndexOption> ParseIndex(std::string_view text);

}  // namespace jammi
