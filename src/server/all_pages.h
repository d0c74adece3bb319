// The engine lists by pages; the replies of the published protocol are whole.
#pragma once

#include <fmt/format.h>
#include <google/protobuf/repeated_ptr_field.h>

#include <string>
#include <utility>

#include "jammi/catalog_access.h"
#include "jammi/result.h"
#include "server/catalog_service.h"

namespace jammi {

[[nodiscard]] inline Error ReplyTooLarge(size_t max_bytes) {
  return Error(
      ErrorCode::kResourceExhausted,
      fmt::format("the list has more than {} bytes, which is the most that a reply may have", max_bytes));
}

// Adds a message for each item of the pages that `list(page_size, page_token)` gives, from `token` on.
// `convert` makes it: a Message, or a Result of one. Errors: of both; kResourceExhausted: the messages have
// more than `call.max_reply_bytes`; kDeadlineExceeded and kCancelled, between two pages. What is there stays
// unfinished then.
template <class Message, class List, class Convert>
Result<void> AddAllPages(google::protobuf::RepeatedPtrField<Message>& to, const CatalogCall& call, List list,
                         Convert convert, std::string token = {}) {
  size_t bytes = 0;
  do {
    JAMMI_TRY(call.limit.Check("the list"));
    JAMMI_ASSIGN(const auto page, list(kMaxPageSize, token));
    for (const auto& item : page.items) {
      Result<Message> message = convert(item);
      if (!message) return std::move(message).error();
      bytes += message->ByteSizeLong();
      if (bytes > call.max_reply_bytes) return ReplyTooLarge(call.max_reply_bytes);
      *to.Add() = *std::move(message);
    }
    token = page.next_page_token;
  } while (!token.empty());
  return {};
}

}  // namespace jammi
