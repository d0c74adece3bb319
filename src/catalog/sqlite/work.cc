#include "catalog/sqlite/work.h"

#include <arrow/buffer.h>

namespace jammi::sqlite {

int64_t Work::payload_bytes() const { return event.payload ? event.payload->size() : 0; }

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
