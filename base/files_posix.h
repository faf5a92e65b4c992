// FileSystem over POSIX, for the real Env. Not for use outside base/.
#pragma once
#include <memory>

#include "millrace/base/env.h"

namespace millrace {

std::unique_ptr<FileSystem> make_posix_files();

}  // namespace millrace
