#include "millrace/base/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace millrace {

std::uint32_t crc32c(BytesView bytes) {
  // ISA-L takes the length as an int, and a pointer that it does not write through as non-const.
  auto* at = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
  std::uint32_t crc = 0xffffffffu;
  for (std::size_t left = bytes.size(); left > 0;) {
    auto piece = static_cast<int>(std::min<std::size_t>(left, 1 << 30));
    crc = crc32_iscsi(at, piece, crc);
    at += piece;
    left -= static_cast<std::size_t>(piece);
  }
  return ~crc;
}

}  // namespace millrace
