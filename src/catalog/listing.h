// Lists of what a scope sees: its own and the global rows, each a range of an index, merged page by page.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "jammi/catalog_access.h"

namespace jammi {

// Takes off the row behind the page, which was read to tell whether there is a next one: `token_of(row)` is
// the token of the page that ends with `row`.
template <class T, class TokenOf>
void CutPage(Page<T>& page, int page_size, TokenOf token_of) {
  const auto size = static_cast<size_t>(page_size);
  if (page.items.size() <= size) return;
  page.items.erase(page.items.begin() + page_size, page.items.end());
  page.next_page_token = token_of(page.items.back());
}

// The first `page_size` rows after some position, in the order of `before`.
//
// `query(scope_key, limit, rows)` appends the rows of one scope that come after the position, `limit` at
// most, in order: Result<void>(const std::string&, int64_t, std::vector<T>&). `token_of` as for CutPage().
template <class T, class Query, class Before, class TokenOf>
Result<Page<T>> ReadVisiblePage(const Scope& reader, int page_size, Query query, Before before,
                                TokenOf token_of) {
  Page<T> page;
  page.items.reserve(static_cast<size_t>(page_size) + 1);
  JAMMI_TRY(query(reader.Key(), page_size + int64_t{1}, page.items));
  if (!reader.is_global()) {
    const auto middle = static_cast<std::ptrdiff_t>(page.items.size());
    JAMMI_TRY(query(std::string(), page_size + int64_t{1}, page.items));
    std::inplace_merge(page.items.begin(), page.items.begin() + middle, page.items.end(), before);
  }
  CutPage(page, page_size, token_of);
  return page;
}

}  // namespace jammi
