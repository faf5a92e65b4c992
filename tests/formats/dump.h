// dump: a data directory and a state directory as text, every record, offset, transaction and row of them.
#pragma once
#include <string>

#include "millrace/base/env.h"

namespace millrace::formats {

// Opens both as the program would (what was left open is recovered) and reads them. `state_directory`: the
// application's.
Result<std::string> dump(Env& env, const std::string& data_directory, const std::string& state_directory);

}  // namespace millrace::formats
