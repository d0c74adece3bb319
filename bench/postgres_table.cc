// The table through libpq.
#include <libpq-fe.h>

#include <bit>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

#include "bench/table_rows.h"
#include "catalog/postgres/binary.h"

namespace jammi::bench {
namespace {

class PostgresTable final : public TableRival {
 public:
  explicit PostgresTable(const std::string& url) : connection_(PQconnectdb(url.c_str())) {
    if (PQstatus(connection_) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(connection_));
    Run("CREATE TABLE rows (s TEXT COLLATE \"C\" NOT NULL, id BIGINT NOT NULL, v BIGINT, x DOUBLE PRECISION,"
        " t TEXT COLLATE \"C\", PRIMARY KEY (s, id))");
    Run("CREATE INDEX rows_v ON rows (s, v)");
    Run("CREATE TEMP TABLE staged (s TEXT, id BIGINT, v BIGINT, x DOUBLE PRECISION, t TEXT)");
    Prepare("get", "SELECT id, v, x, t FROM rows WHERE s = '' AND id = $1::BIGINT");
    Prepare("filtered", "SELECT id, v, x, t FROM rows WHERE s = '' AND v = $1::BIGINT ORDER BY id");
  }
  ~PostgresTable() override { PQfinish(connection_); }

  void Append(const BatchPtr& batch) override { Copy("COPY rows FROM STDIN (FORMAT binary)", *batch); }
  void Upsert(const BatchPtr& batch) override {
    Run("BEGIN");
    Copy("COPY staged FROM STDIN (FORMAT binary)", *batch);
    Run("INSERT INTO rows SELECT * FROM staged ON CONFLICT (s, id) DO UPDATE SET v = excluded.v,"
        " x = excluded.x, t = excluded.t");
    Run("TRUNCATE staged");
    Run("COMMIT");
  }
  int64_t Get(int64_t id) override { return Query("get", id); }
  int64_t Filtered(int64_t v) override { return Query("filtered", v); }
  // Through a cursor, as memory is not to grow with the table.
  int64_t Full() override {
    Run("BEGIN");
    Run("DECLARE whole NO SCROLL CURSOR FOR SELECT id, v, x, t FROM rows WHERE s = ''");
    int64_t rows = 0;
    for (int64_t portion = 1; portion > 0; rows += portion) {
      PGresult* result =
          PQexecParams(connection_, "FETCH 8192 FROM whole", 0, nullptr, nullptr, nullptr, nullptr, 1);
      portion = Take(result);
    }
    Run("COMMIT");
    return rows;
  }
  void Clear() override { Run("TRUNCATE rows"); }

 private:
  [[noreturn]] void Fail() const { throw std::runtime_error(PQerrorMessage(connection_)); }
  void Run(const char* sql) {
    PGresult* result = PQexec(connection_, sql);
    const bool done = PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_COPY_IN;
    PQclear(result);
    if (!done) Fail();
  }
  void Prepare(const char* name, const char* sql) {
    PGresult* result = PQprepare(connection_, name, sql, 0, nullptr);
    const bool done = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    if (!done) Fail();
  }

  void Copy(const char* sql, const arrow::RecordBatch& batch) {
    const auto& id = static_cast<const arrow::Int64Array&>(*batch.column(0));
    const auto& v = static_cast<const arrow::Int64Array&>(*batch.column(1));
    const auto& x = static_cast<const arrow::DoubleArray&>(*batch.column(2));
    const auto& t = static_cast<const arrow::StringArray&>(*batch.column(3));
    Run(sql);
    using std::string_view_literals::operator""sv;
    buffer_.assign("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"sv);
    for (int64_t i = 0; i < batch.num_rows(); ++i) {
      postgres::PutNumber(buffer_, uint16_t{5});
      postgres::PutSized(buffer_, std::string_view());
      postgres::PutSized(buffer_, id.Value(i));
      postgres::PutSized(buffer_, v.Value(i));
      postgres::PutSized(buffer_, x.Value(i));
      postgres::PutSized(buffer_, t.GetView(i));
      if (buffer_.size() >= kPiece) Put();
    }
    postgres::PutNumber(buffer_, uint16_t{0xFFFF});
    Put();
    if (PQputCopyEnd(connection_, nullptr) != 1) Fail();
    while (PGresult* result = PQgetResult(connection_)) {
      const bool done = PQresultStatus(result) == PGRES_COMMAND_OK;
      PQclear(result);
      if (!done) Fail();
    }
  }
  void Put() {
    if (PQputCopyData(connection_, buffer_.data(), static_cast<int>(buffer_.size())) != 1) Fail();
    buffer_.clear();
  }

  int64_t Query(const char* name, int64_t value) {
    const std::string text = std::to_string(value);
    const char* values[] = {text.c_str()};
    return Take(PQexecPrepared(connection_, name, 1, values, nullptr, nullptr, 1));
  }

  int64_t Take(PGresult* result) {
    if (PQresultStatus(result) != PGRES_TUPLES_OK) Fail();
    const auto number = [&](int row, int column) {
      int64_t value = 0;
      std::memcpy(&value, PQgetvalue(result, row, column), sizeof(value));
      return std::byteswap(value);
    };
    for (int row = 0; row < PQntuples(result); ++row) {
      columns_.Add(number(row, 0), number(row, 1), std::bit_cast<double>(number(row, 2)),
                   {PQgetvalue(result, row, 3), static_cast<size_t>(PQgetlength(result, row, 3))});
    }
    PQclear(result);
    return columns_.Finish();
  }

  static constexpr size_t kPiece = 64 << 10;
  PGconn* connection_;
  std::string buffer_;
  TableColumns columns_;
};

}  // namespace

std::unique_ptr<TableRival> MakePostgresTable(const std::string& url) {
  return std::make_unique<PostgresTable>(url);
}

}  // namespace jammi::bench
