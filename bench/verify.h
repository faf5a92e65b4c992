// Whether a workload's output is what its input demands: computed here from the input's definition (bench/input.h),
// without the library's operators.
#pragma once
#include <string>

#include "bench/workloads.h"
#include "millrace/base/result.h"
#include "millrace/connectors/log_client.h"

namespace millrace::bench {

// Reads all of topic `out`, committed records only. map and join: every record once, with its timestamp, and no other.
// count, window and wordcount: the last value of every key, with its timestamp, and no other key. Error: the first
// difference.
Result<> verify(LogClient& log, const StreamsWorkload& w, const std::string& out);

}  // namespace millrace::bench
