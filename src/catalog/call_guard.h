// Knows whether this thread is inside a body or a callback of a backend. Such a thread must not wait
// for that backend: it would wait for itself.
#pragma once

#include "jammi/result.h"

namespace jammi {

// Marks the thread as inside `backend` while it lives.
class CallScope {
 public:
  enum class Kind { kBody, kCallback };
  CallScope(const void* backend, Kind kind) : backend_(backend), kind_(kind), outer_(innermost_) {
    innermost_ = this;
  }
  ~CallScope() { innermost_ = outer_; }
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;

  [[nodiscard]] static bool IsInside(const void* backend) {
    return IsInside(backend, Kind::kBody) || IsInside(backend, Kind::kCallback);
  }
  [[nodiscard]] static bool IsInside(const void* backend, Kind kind) {
    for (const CallScope* scope = innermost_; scope != nullptr; scope = scope->outer_) {
      if (scope->backend_ == backend && scope->kind_ == kind) return true;
    }
    return false;
  }

 private:
  const void* backend_;
  Kind kind_;
  const CallScope* outer_;
  inline static thread_local const CallScope* innermost_ = nullptr;
};

// Errors: kInvalidState inside a body or callback of `backend`.
[[nodiscard]] inline Result<void> RefuseReentry(const void* backend) {
  if (!CallScope::IsInside(backend)) return {};
  return Error(ErrorCode::kInvalidState,
               "the catalog was called from inside a transaction body or a callback of it");
}

}  // namespace jammi
