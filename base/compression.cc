#include "millrace/base/compression.h"

#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>

namespace millrace {
namespace {

constexpr std::size_t chunk = 64 << 10;
constexpr char snappy_java_magic[] = {'\x82', 'S', 'N', 'A', 'P', 'P', 'Y', '\0'};
constexpr std::size_t snappy_java_header_size = 16;
constexpr std::size_t snappy_java_block_size = 32 << 10;

Error corrupt(Compression codec, std::string why) {
  return Error(ErrorCode::corrupt_message, std::string(name_of(codec)) + ": " + std::move(why));
}
Error too_large(Compression codec, std::size_t size_max) {
  return corrupt(codec, "decompresses to more than " + std::to_string(size_max) + " bytes");
}

// Room at the end of `out` for the next piece, growing by doubling up to one byte past the limit (so that reaching it
// shows).
std::size_t make_room(Bytes& out, std::size_t used, std::size_t size_max) {
  if (out.size() == used) out.resize(std::min(std::max(out.size() * 2, chunk), size_max + 1));
  return out.size() - used;
}

// ---------------------------------------------------------------- gzip

void gzip_compress(BytesView in, Bytes& out) {
  z_stream z{};
  MR_ASSERT(deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::size_t used = out.size();
  out.resize(used + deflateBound(&z, in.size()));
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  z.avail_in = static_cast<uInt>(in.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data() + used);
  z.avail_out = static_cast<uInt>(out.size() - used);
  MR_ASSERT(deflate(&z, Z_FINISH) == Z_STREAM_END);
  out.resize(used + z.total_out);
  deflateEnd(&z);
}

Result<> gzip_decompress(BytesView in, Bytes& out, std::size_t size_max) {
  z_stream z{};
  MR_ASSERT(inflateInit2(&z, 15 + 16) == Z_OK);
  std::unique_ptr<z_stream, int (*)(z_stream*)> end(&z, inflateEnd);
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  z.avail_in = static_cast<uInt>(in.size());
  std::size_t used = 0;
  for (;;) {
    std::size_t room = make_room(out, used, size_max);
    if (used > size_max) return too_large(Compression::gzip, size_max);
    z.next_out = reinterpret_cast<Bytef*>(out.data() + used);
    z.avail_out = static_cast<uInt>(room);
    int status = inflate(&z, Z_NO_FLUSH);
    used += room - z.avail_out;
    if (status == Z_STREAM_END) {
      if (z.avail_in == 0) break;
      inflateReset(&z);  // another member follows
    } else if (status != Z_OK) {
      return corrupt(Compression::gzip, status == Z_BUF_ERROR ? "cut short" : "not gzip, or damaged");
    }
  }
  if (used > size_max) return too_large(Compression::gzip, size_max);
  out.resize(used);
  return {};
}

// ---------------------------------------------------------------- snappy

void snappy_compress(BytesView in, Bytes& out) {
  out.append(snappy_java_magic, sizeof snappy_java_magic);
  append_big_endian<std::int32_t>(out, 1);  // version, and the oldest that can read it
  append_big_endian<std::int32_t>(out, 1);
  while (!in.empty()) {
    BytesView block = in.substr(0, snappy_java_block_size);
    in.remove_prefix(block.size());
    std::size_t start = out.size();
    out.resize(start + 4 + snappy::MaxCompressedLength(block.size()));
    std::size_t size = 0;
    snappy::RawCompress(block.data(), block.size(), out.data() + start + 4, &size);
    to_big_endian(static_cast<std::int32_t>(size), out.data() + start);
    out.resize(start + 4 + size);
  }
}

Result<> snappy_block(BytesView block, Bytes& out, std::size_t size_max) {
  std::size_t size = 0;
  if (!snappy::GetUncompressedLength(block.data(), block.size(), &size)) {
    return corrupt(Compression::snappy, "block without a length");
  }
  if (size > size_max - out.size()) return too_large(Compression::snappy, size_max);
  // The densest element is a copy of 64 bytes in 3, so a longer claim is a lie.
  if (size > (block.size() + 1) * 24) return corrupt(Compression::snappy, "block claims more than it can hold");
  std::size_t start = out.size();
  out.resize(start + size);
  if (!snappy::RawUncompress(block.data(), block.size(), out.data() + start)) {
    return corrupt(Compression::snappy, "damaged block");
  }
  return {};
}

Result<> snappy_decompress(BytesView in, Bytes& out, std::size_t size_max) {
  out.clear();
  BytesView magic(snappy_java_magic, sizeof snappy_java_magic);
  if (in.substr(0, magic.size()) != magic) return snappy_block(in, out, size_max);
  if (in.size() < snappy_java_header_size) return corrupt(Compression::snappy, "header cut short");
  ByteReader reader(in.substr(snappy_java_header_size));
  while (reader.remaining() > 0) {
    BytesView block = reader.slice(reader.number<std::int32_t>());
    if (!reader.ok()) return corrupt(Compression::snappy, "block cut short");
    MR_TRY(snappy_block(block, out, size_max));
  }
  return {};
}

// ---------------------------------------------------------------- lz4

void lz4_compress(BytesView in, Bytes& out) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  std::size_t start = out.size();
  out.resize(start + LZ4F_compressFrameBound(in.size(), &preferences));
  std::size_t size = LZ4F_compressFrame(out.data() + start, out.size() - start, in.data(), in.size(), &preferences);
  MR_ASSERT(!LZ4F_isError(size));
  out.resize(start + size);
}

Result<> lz4_decompress(BytesView in, Bytes& out, std::size_t size_max) {
  LZ4F_dctx* raw = nullptr;
  MR_ASSERT(!LZ4F_isError(LZ4F_createDecompressionContext(&raw, LZ4F_VERSION)));
  std::unique_ptr<LZ4F_dctx, LZ4F_errorCode_t (*)(LZ4F_dctx*)> context(raw, LZ4F_freeDecompressionContext);
  std::size_t used = 0;
  std::size_t hint = 1;
  while (hint != 0) {
    std::size_t produced = make_room(out, used, size_max);
    if (used > size_max) return too_large(Compression::lz4, size_max);
    std::size_t consumed = in.size();
    hint = LZ4F_decompress(context.get(), out.data() + used, &produced, in.data(), &consumed, nullptr);
    if (LZ4F_isError(hint)) return corrupt(Compression::lz4, LZ4F_getErrorName(hint));
    used += produced;
    in.remove_prefix(consumed);
    if (hint != 0 && consumed == 0 && produced == 0) return corrupt(Compression::lz4, "cut short");
  }
  if (used > size_max) return too_large(Compression::lz4, size_max);
  out.resize(used);
  return {};
}

// ---------------------------------------------------------------- zstd

void zstd_compress(BytesView in, Bytes& out) {
  std::size_t start = out.size();
  out.resize(start + ZSTD_compressBound(in.size()));
  std::size_t size = ZSTD_compress(out.data() + start, out.size() - start, in.data(), in.size(), 3);
  MR_ASSERT(!ZSTD_isError(size));
  out.resize(start + size);
}

Result<> zstd_decompress(BytesView in, Bytes& out, std::size_t size_max) {
  std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream(ZSTD_createDStream(), ZSTD_freeDStream);
  ZSTD_DCtx_setParameter(stream.get(), ZSTD_d_windowLogMax, 27);
  ZSTD_inBuffer input{in.data(), in.size(), 0};
  std::size_t used = 0;
  std::size_t hint = 1;
  do {
    std::size_t room = make_room(out, used, size_max);
    if (used > size_max) return too_large(Compression::zstd, size_max);
    ZSTD_outBuffer output{out.data() + used, room, 0};
    std::size_t before = input.pos;
    hint = ZSTD_decompressStream(stream.get(), &output, &input);
    if (ZSTD_isError(hint)) return corrupt(Compression::zstd, ZSTD_getErrorName(hint));
    used += output.pos;
    if (hint != 0 && output.pos == 0 && input.pos == before) return corrupt(Compression::zstd, "cut short");
  } while (hint != 0 || input.pos < input.size);
  if (used > size_max) return too_large(Compression::zstd, size_max);
  out.resize(used);
  return {};
}

}  // namespace

std::string_view name_of(Compression codec) {
  switch (codec) {
    case Compression::none:
      return "none";
    case Compression::gzip:
      return "gzip";
    case Compression::snappy:
      return "snappy";
    case Compression::lz4:
      return "lz4";
    case Compression::zstd:
      return "zstd";
  }
  return "unknown";
}

Result<Compression> compression_named(std::string_view name) {
  for (auto codec : {Compression::none, Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd}) {
    if (name == name_of(codec)) return codec;
  }
  return Error(ErrorCode::invalid_config,
               "compression " + std::string(name) + " is not one of none, gzip, snappy, lz4, zstd");
}

void compress(Compression codec, BytesView in, Bytes& out) {
  switch (codec) {
    case Compression::none:
      out.append(in);
      return;
    case Compression::gzip:
      return gzip_compress(in, out);
    case Compression::snappy:
      return snappy_compress(in, out);
    case Compression::lz4:
      return lz4_compress(in, out);
    case Compression::zstd:
      return zstd_compress(in, out);
  }
  MR_ASSERT(false, "no such codec");
}

Result<> decompress(Compression codec, BytesView in, Bytes& out, std::size_t size_max) {
  switch (codec) {
    case Compression::none:
      if (in.size() > size_max) return too_large(codec, size_max);
      out.assign(in);
      return {};
    case Compression::gzip:
      return gzip_decompress(in, out, size_max);
    case Compression::snappy:
      return snappy_decompress(in, out, size_max);
    case Compression::lz4:
      return lz4_decompress(in, out, size_max);
    case Compression::zstd:
      return zstd_decompress(in, out, size_max);
  }
  return Error(ErrorCode::unsupported_compression_type,
               "codec " + std::to_string(static_cast<int>(codec)) + " is not one of none, gzip, snappy, lz4, zstd");
}

}  // namespace millrace
