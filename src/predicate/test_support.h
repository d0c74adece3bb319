// What the tests of predicates share: batches written as text, and one line to run a predicate.
#pragma once

#include <arrow/api.h>
#include <arrow/json/from_string.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "jammi/predicate.h"

namespace jammi::predicate {

struct TestColumn {
  std::string name;
  std::shared_ptr<arrow::DataType> type;
  std::string json;  // "[1, null, 3]"
};

inline std::shared_ptr<arrow::Array> Values(const std::shared_ptr<arrow::DataType>& type,
                                            const std::string& json) {
  auto array = arrow::json::ArrayFromJSONString(type, json);
  EXPECT_TRUE(array.ok()) << array.status().ToString();
  return *array;
}

inline std::shared_ptr<arrow::RecordBatch> Batch(const std::vector<TestColumn>& columns) {
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const TestColumn& column : columns) {
    fields.push_back(arrow::field(column.name, column.type));
    arrays.push_back(Values(column.type, column.json));
  }
  return arrow::RecordBatch::Make(arrow::schema(fields), arrays.at(0)->length(), arrays);
}

// Which rows of `batch` match: "1" or "0" for each, "E" where the row alone cannot be evaluated; or what
// Compile() said. Runs the batch whole too, which must agree.
inline std::string Matches(const std::string& sql, const std::shared_ptr<arrow::RecordBatch>& batch) {
  const auto predicate = Predicate::Compile(sql, batch->schema());
  if (!predicate) return predicate.error().message();
  std::string rows;
  for (int64_t i = 0; i < batch->num_rows(); ++i) {
    const auto row = predicate->Filter(batch->Slice(i, 1));
    rows += !row ? 'E' : *row == nullptr ? '0' : '1';
  }
  const auto whole = predicate->Filter(batch);
  if (rows.find('E') != std::string::npos) return rows;
  if (!whole) return whole.error().message();
  const auto matched = static_cast<int64_t>(std::count(rows.begin(), rows.end(), '1'));
  EXPECT_EQ(*whole == nullptr ? 0 : (*whole)->num_rows(), matched) << sql;
  return rows;
}

// "parse", "unsupported", "eval", or the code.
inline std::string KindOf(const Error& error) {
  if (error.As<PredicateParseDetail>() != nullptr) return "parse";
  if (error.As<PredicateUnsupportedDetail>() != nullptr) return "unsupported";
  if (error.As<PredicateEvalDetail>() != nullptr) return "eval";
  return std::string(ToString(error.code()));
}

// What Compile() says to `sql`: "ok", "parse" or "unsupported".
inline std::string Verdict(const std::string& sql, const std::shared_ptr<arrow::Schema>& schema) {
  const auto predicate = Predicate::Compile(sql, schema);
  return predicate ? "ok" : KindOf(predicate.error());
}

}  // namespace jammi::predicate
