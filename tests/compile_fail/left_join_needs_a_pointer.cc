// expect: millrace: join takes a callable of the shape (left, right) or (key, left, right); left_join's right side is
// const T*
#include "millrace/dsl/streams_builder.h"
using namespace millrace;
constexpr Topic<std::string, std::string> in{"in"};
constexpr Topic<std::string, std::string> names{"names"};
void topology(StreamsBuilder& builder) {
  auto table = builder.table(names);
  builder.stream(in).left_join(table,
                               [](const std::string& left, const std::string* right) { return right ? *right : left; });
#ifdef MISTAKE
  builder.stream(in).left_join(table, [](const std::string& left, const std::string& right) { return left + right; });
#endif
}
