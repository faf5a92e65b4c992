// write_golden: a data directory, a state directory and what is in them, for later releases to read.
#pragma once
#include <string>

#include "millrace/base/result.h"

namespace millrace::formats {

// Makes `directory` with data/, state/ and expected.txt (see dump.h). The same each time, but for what RocksDB draws by
// itself and the order of slots in synced-offsets.
Result<> write_golden(const std::string& directory);

}  // namespace millrace::formats
