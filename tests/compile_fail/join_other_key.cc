// expect: millrace: join: the table's key type is not the stream's: select_key() first, or join a global table
#include "millrace/dsl/streams_builder.h"
using namespace millrace;
constexpr Topic<std::string, std::string> in{"in"};
constexpr Topic<std::string, std::string> names{"names"};
constexpr Topic<std::int64_t, std::string> numbers{"numbers"};
void topology(StreamsBuilder& builder) {
  auto first = [](const std::string& left, const std::string&) { return left; };
  builder.stream(in).join(builder.table(names), first);
#ifdef MISTAKE
  builder.stream(in).join(builder.table(numbers), first);
#endif
}
