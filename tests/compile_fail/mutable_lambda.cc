// expect: millrace: peek: a lambda that is `mutable` does not fit: several tasks call it at once
#include "millrace/dsl/streams_builder.h"
using namespace millrace;
constexpr Topic<std::string, std::string> in{"in"};
void topology(StreamsBuilder& builder) {
  builder.stream(in).peek([](const std::string&) {});
#ifdef MISTAKE
  builder.stream(in).peek([n = 0](const std::string&) mutable { ++n; });
#endif
}
