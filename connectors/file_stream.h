// The content of a file from front to back, decompressed if it is zstd's: what file sources read.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "millrace/base/env.h"
#include "millrace/base/result.h"

namespace millrace {

// One thread.
class FileStream {
 public:
  virtual ~FileStream() = default;
  // Opens `path`; zstd is told by its first bytes, not by the name. Errors: KAFKA_STORAGE_ERROR with path and reason.
  static Result<std::unique_ptr<FileStream>> open(FileSystem& files, const std::string& path);

  // Up to `size` bytes into `to`; 0 only at the end. Errors: KAFKA_STORAGE_ERROR; CORRUPT_MESSAGE for zstd that does
  // not decode or ends inside a frame, with path and position.
  virtual Result<std::size_t> read(char* to, std::size_t size) = 0;
  // Passes over `count` bytes; returns how many there were. A plain file is not read for that, a compressed one is.
  virtual Result<std::uint64_t> skip(std::uint64_t count) = 0;
};

}  // namespace millrace
