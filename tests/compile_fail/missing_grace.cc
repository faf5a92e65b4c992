// expect: could not convert ‘<brace-enclosed initializer list>()’ from ‘<brace-enclosed initializer list>’ to
// ‘millrace::Required
#include "millrace/dsl/streams_builder.h"
using namespace millrace;
constexpr Topic<std::string, std::string> in{"in"};
void topology(StreamsBuilder& builder) {
  auto grouped = builder.stream(in).group_by_key();
  grouped.windowed_by(TimeWindows{.size = 1h, .grace = 0s}).count();
#ifdef MISTAKE
  grouped.windowed_by(TimeWindows{.size = 1h}).count();
#endif
}
