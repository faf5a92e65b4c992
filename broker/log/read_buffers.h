// ReadBuffers: the memory of reads, used again: a fresh half megabyte a fetch was filled with zeroes first, and came
// from the kernel a page at a time.
#pragma once
#include <memory>
#include <mutex>
#include <vector>

#include "millrace/base/bytes.h"

namespace millrace::broker {

// Threads: any. Buffers may outlive it.
class ReadBuffers {
 public:
  // A buffer with what an earlier reader left in it: resize it, which fills only what it grows by.
  std::shared_ptr<Bytes> take() {
    std::unique_ptr<Bytes> buffer;
    {
      std::lock_guard lock(kept_->mutex);
      if (!kept_->free.empty()) {
        buffer = std::move(kept_->free.back());
        kept_->free.pop_back();
      }
    }
    if (!buffer) buffer = std::make_unique<Bytes>();
    return {buffer.release(), [kept = kept_](Bytes* done) {
              std::unique_ptr<Bytes> returned(done);
              if (returned->capacity() > largest_kept_bytes) return;
              std::lock_guard lock(kept->mutex);
              if (kept->free.size() < most_kept) kept->free.push_back(std::move(returned));
            }};
  }

 private:
  static constexpr std::size_t most_kept = 16, largest_kept_bytes = 1 << 20;
  struct Kept {
    std::mutex mutex;
    std::vector<std::unique_ptr<Bytes>> free;
  };
  std::shared_ptr<Kept> kept_ = std::make_shared<Kept>();
};

}  // namespace millrace::broker
