// Random tables, rows and scans, of few values, so that they meet each other all the time. Equal seeds give
// equal ones.
#pragma once

#include <string>
#include <vector>

#include "jammi/tables.h"
#include "support/random.h"
#include "tables/proof/values.h"

namespace jammi::proof {

class DrawTable {
 public:
  explicit DrawTable(uint64_t seed) : random_(seed) {}

  size_t Below(size_t bound) { return random_.Below(bound); }
  bool Percent(uint64_t percent) { return random_.Percent(percent); }

  std::string Id() { return std::string(1, static_cast<char>('a' + Below(3))); }
  // One or two key columns, an order column or none, other columns of any types, an index or two.
  TableDefinition Definition();
  // A row for the table; what may be null is, now and then.
  arrow::ScalarVector Cells(const TableDefinition& definition);
  arrow::ScalarVector Key(const TableDefinition& definition);
  // What to read, without a page token.
  TableScan Scan(const TableDefinition& definition);
  TableFilter Filter(const arrow::Schema& schema, int depth = 3);
  ScalarPtr Value(const TypePtr& type);

 private:
  template <class T>
  const T& One(const std::vector<T>& of) {
    return of[Below(of.size())];
  }
  TableFilter Comparison(const arrow::Field& field);

  test::Random random_;
};

}  // namespace jammi::proof
