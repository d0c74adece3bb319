#include "catalog/sqlite/work.h"

#include <arrow/buffer.h>

namespace jammi::sqlite {

int64_t Work::payload_bytes() const {
  int64_t bytes = 0;
  for (const EventAppend& event : request.events) bytes += event.payload->size();
  return bytes;
}

void WorkList::PushBack(Work& work) {
  work.queued = true;
  work.previous = last_;
  work.next = nullptr;
  (last_ != nullptr ? last_->next : first_) = &work;
  last_ = &work;
}

void WorkList::Remove(Work& work) {
  work.queued = false;
  (work.previous != nullptr ? work.previous->next : first_) = work.next;
  (work.next != nullptr ? work.next->previous : last_) = work.previous;
}

}  // namespace jammi::sqlite
