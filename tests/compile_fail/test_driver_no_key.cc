// expect: millrace: this topic's key type holds no null: pipe(key, value), or Topic<std::optional<K>, V>
#include "millrace/test_driver.h"
using namespace millrace;
constexpr Topic<std::string, std::int64_t> in{"in"};
constexpr Topic<std::optional<std::string>, std::int64_t> without_keys{"without-keys"};
void test(TopologyTestDriver& driver) {
  driver.input(without_keys).pipe_value(5);
#ifdef MISTAKE
  driver.input(in).pipe_value(5);
#endif
}
