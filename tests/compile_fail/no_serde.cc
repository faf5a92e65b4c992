// expect: millrace: this key or value type needs a Serde<T>; see docs/guide/serdes.md
#include "millrace/dsl/streams_builder.h"
using namespace millrace;
struct Invoice {
  std::string text;
};
constexpr Topic<std::string, std::string> in{"in"};
void topology(StreamsBuilder& builder) {
  builder.stream(in).map_values([](const std::string& value) { return Invoice{value}; });
#ifdef MISTAKE
  Topic<std::string, Invoice> invoices{"invoices"};
  builder.stream(invoices);
#endif
}
