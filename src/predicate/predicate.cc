#include "jammi/predicate.h"

#include <arrow/record_batch.h>

#include <numeric>

#include "base/text.h"
#include "predicate/program.h"
#include "predicate/syntax.h"

namespace jammi {

class Predicate::Impl {
 public:
  std::string source_sql;
  std::shared_ptr<const predicate::Program> program;
};

Predicate::Predicate(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Predicate Predicate::MatchAll() { return Predicate(nullptr); }

Result<Predicate> Predicate::Compile(std::string_view sql, const std::shared_ptr<arrow::Schema>& schema) {
  const std::string_view text = Trim(sql);
  if (text.empty()) return MatchAll();
  JAMMI_ASSIGN(const predicate::Node node, predicate::Parse(text));
  JAMMI_ASSIGN(auto program, predicate::Program::Compile(node, *schema));
  return Predicate(std::make_shared<const Impl>(std::string(text), std::move(program)));
}

bool Predicate::matches_all() const { return impl_ == nullptr || impl_->program->matches_all(); }

const std::string& Predicate::source_sql() const {
  static const std::string empty;
  return impl_ == nullptr ? empty : impl_->source_sql;
}

Result<std::shared_ptr<arrow::RecordBatch>> Predicate::Filter(
    const std::shared_ptr<arrow::RecordBatch>& batch) const {
  if (impl_ == nullptr) return batch;
  return impl_->program->Filter(batch);
}

Result<std::vector<uint32_t>> Predicate::Select(const arrow::RecordBatch& batch) const {
  if (impl_ != nullptr) return impl_->program->Select(batch);
  std::vector<uint32_t> all(static_cast<size_t>(batch.num_rows()));
  std::iota(all.begin(), all.end(), 0U);
  return all;
}

}  // namespace jammi
