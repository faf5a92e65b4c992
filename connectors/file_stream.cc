#include "millrace/connectors/file_stream.h"

#include <zstd.h>

#include <algorithm>

namespace millrace {
namespace {

class PlainStream : public FileStream {
 public:
  explicit PlainStream(std::unique_ptr<File> file) : file_(std::move(file)) {}
  Result<std::size_t> read(char* to, std::size_t size) override {
    MR_ASSIGN(std::size_t got, file_->read_at(offset_, to, size));
    offset_ += got;
    return got;
  }
  Result<std::uint64_t> skip(std::uint64_t count) override {
    std::uint64_t size = file_->size();
    std::uint64_t skipped = std::min(count, size - std::min(size, offset_));
    offset_ += skipped;
    return skipped;
  }

 private:
  std::unique_ptr<File> file_;
  std::uint64_t offset_ = 0;
};

class ZstdStream : public FileStream {
 public:
  ZstdStream(std::unique_ptr<File> file, std::string path)
      : file_(std::move(file)), path_(std::move(path)), context_(ZSTD_createDCtx()), in_(ZSTD_DStreamInSize(), '\0') {
    MR_ASSERT(context_, "no memory for a zstd context");
  }
  ~ZstdStream() override { ZSTD_freeDCtx(context_); }
  ZstdStream(const ZstdStream&) = delete;
  ZstdStream& operator=(const ZstdStream&) = delete;

  Result<std::size_t> read(char* to, std::size_t size) override {
    ZSTD_outBuffer out{to, size, 0};
    while (out.pos == 0 && size > 0) {
      if (input_.pos == input_.size) {
        MR_ASSIGN(std::size_t got, file_->read_at(offset_, in_.data(), in_.size()));
        input_ = {in_.data(), got, 0};
        offset_ += got;
        if (got == 0) {
          if (inside_frame_) return failed("ends inside a frame: the file is truncated");
          break;
        }
      }
      // A call that fills `to` exactly may leave the frame's end unread; the next one takes it.
      std::size_t left = ZSTD_decompressStream(context_, &out, &input_);
      if (ZSTD_isError(left)) return failed(ZSTD_getErrorName(left));
      inside_frame_ = left != 0;
    }
    return out.pos;
  }
  Result<std::uint64_t> skip(std::uint64_t count) override {
    std::string unread(1 << 17, '\0');
    std::uint64_t skipped = 0;
    while (skipped < count) {
      MR_ASSIGN(std::size_t got, read(unread.data(), std::min<std::uint64_t>(unread.size(), count - skipped)));
      if (got == 0) break;
      skipped += got;
    }
    return skipped;
  }

 private:
  Error failed(std::string_view why) const {
    return Error(ErrorCode::corrupt_message,
                 path_ + ", before byte " + std::to_string(offset_) + ": zstd: " + std::string(why));
  }
  std::unique_ptr<File> file_;
  std::string path_;
  ZSTD_DCtx* context_;
  std::string in_;
  ZSTD_inBuffer input_{nullptr, 0, 0};
  std::uint64_t offset_ = 0;  // of the compressed file
  bool inside_frame_ = false;
};

}  // namespace

Result<std::unique_ptr<FileStream>> FileStream::open(FileSystem& files, const std::string& path) {
  MR_ASSIGN(auto file, files.open(path, OpenMode::read));
  char magic[4];
  MR_ASSIGN(std::size_t got, file->read_at(0, magic, sizeof magic));
  if (std::string_view(magic, got) == "\x28\xb5\x2f\xfd") {
    return std::unique_ptr<FileStream>(std::make_unique<ZstdStream>(std::move(file), path));
  }
  return std::unique_ptr<FileStream>(std::make_unique<PlainStream>(std::move(file)));
}

}  // namespace millrace
