// CRC-32C (Castagnoli), the checksum of a record batch, by the processor's own instruction where it has one (ISA-L
// chooses).
#pragma once
#include <cstdint>

#include "millrace/base/bytes.h"

namespace millrace {

// The CRC-32C of `bytes`: seed and result inverted, as in iSCSI (RFC 3720) and java.util.zip.CRC32C.
std::uint32_t crc32c(BytesView bytes);

}  // namespace millrace
